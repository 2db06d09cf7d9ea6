-- SPDX-License-Identifier: GPL-2.0-or-later
-- The record of a host: which VM owns which vGPU, and what is wanted of the GPUs.
PRAGMA application_id = 0x76677075; -- "vgpu"

-- store_id, machine_id, and generation, which grows with every change.
CREATE TABLE meta (
	key   TEXT PRIMARY KEY NOT NULL,
	value TEXT NOT NULL
);

-- One row per vGPU that somebody owns. Identity is the UUID; type id and type directory may
-- change with the driver and are looked up by name each time, type_id is a hint.
CREATE TABLE vgpu (
	id              INTEGER PRIMARY KEY AUTOINCREMENT, -- also a byte in the lock file
	uuid            TEXT NOT NULL UNIQUE
		CHECK (length(uuid) = 36 AND uuid = lower(uuid) AND uuid NOT GLOB '*[^0-9a-f-]*'),
	vm              TEXT NOT NULL
		CHECK (length(CAST(vm AS BLOB)) BETWEEN 1 AND 255 AND instr(vm, '/') = 0),
	vm_uuid         TEXT CHECK (vm_uuid IS NULL OR length(vm_uuid) = 36),
	slot            INTEGER NOT NULL CHECK (slot BETWEEN 0 AND 4294967295),
	profile         TEXT NOT NULL CHECK (profile <> ''),
	type_name       TEXT NOT NULL CHECK (type_name <> ''),
	type_id         INTEGER NOT NULL CHECK (type_id BETWEEN 0 AND 4294967295),
	framebuffer_mib INTEGER NOT NULL CHECK (framebuffer_mib >= 0), -- 0: not known
	framework       TEXT NOT NULL CHECK (framework IN ('mdev', 'vfio')),
	gpu             TEXT NOT NULL CHECK (gpu GLOB '*:[0-9a-f][0-9a-f]:[01][0-9a-f].[0-7]'),
	vf              TEXT NOT NULL CHECK (vf GLOB '*:[0-9a-f][0-9a-f]:[01][0-9a-f].[0-7]'),
	vf_index        INTEGER NOT NULL CHECK (vf_index >= 0),
	params          TEXT,
	placement_id    INTEGER,
	state           TEXT NOT NULL
		CHECK (state IN ('creating', 'active', 'removing', 'stopped')),
	boot_id         TEXT NOT NULL, -- of the boot it was last made in, '' where unknown
	created_at      TEXT NOT NULL,
	changed_at      TEXT NOT NULL,
	UNIQUE (vm, slot)
);

-- One vGPU per VF. A GPU from before SR-IOV is its own parent and holds several.
CREATE UNIQUE INDEX vgpu_vf ON vgpu (vf) WHERE vf <> gpu;

CREATE TABLE gpu (
	bdf           TEXT PRIMARY KEY NOT NULL,
	model         TEXT NOT NULL DEFAULT '',
	vendor        INTEGER NOT NULL DEFAULT 0,
	device        INTEGER NOT NULL DEFAULT 0,
	wanted_mode   TEXT,
	wanted_vfs    INTEGER NOT NULL DEFAULT 0, -- 0: nothing was asked for
	heterogeneous INTEGER,
	cordoned      INTEGER NOT NULL DEFAULT 0
);

-- What each GPU model offered under each driver, so that a create needs few reads and a
-- full GPU still has a catalog.
CREATE TABLE catalog (
	vendor          INTEGER NOT NULL,
	device          INTEGER NOT NULL,
	driver_version  TEXT NOT NULL,
	type_id         INTEGER NOT NULL,
	type_name       TEXT NOT NULL,
	framebuffer_mib INTEGER NOT NULL,
	max_instances   INTEGER NOT NULL,
	num_heads       INTEGER NOT NULL,
	max_resolution  TEXT NOT NULL,
	PRIMARY KEY (vendor, device, driver_version, type_id)
);

-- Who did what, when; rows are only ever added, in the transaction of the change itself.
CREATE TABLE event (
	seq       INTEGER PRIMARY KEY AUTOINCREMENT,
	at        TEXT NOT NULL,
	actor     TEXT NOT NULL,
	operation TEXT NOT NULL,
	uuid      TEXT,
	detail    TEXT NOT NULL
);
CREATE INDEX event_uuid ON event (uuid);

INSERT INTO meta (key, value) VALUES ('generation', '0');
PRAGMA user_version = 1;
