-- SPDX-License-Identifier: GPL-2.0-or-later
-- Several frameworks and modes: what a vGPU was made under and what its VM expects, what is
-- wanted of a GPU, and where a vGPU is on its way to.
ALTER TABLE vgpu ADD COLUMN driver_version TEXT NOT NULL DEFAULT ''; -- it was last made under
-- The framework that its VM's config was last written for.
ALTER TABLE vgpu ADD COLUMN attached TEXT NOT NULL DEFAULT 'mdev'
	CHECK (attached IN ('mdev', 'vfio'));
-- Of one that is being moved: its next place, from when its removal from the old one is
-- intended until that is done and it is to be made there. Not NULL in state 'removing' only.
ALTER TABLE vgpu ADD COLUMN to_gpu TEXT
	CHECK (to_gpu IS NULL OR to_gpu GLOB '*:[0-9a-f][0-9a-f]:[01][0-9a-f].[0-7]');
ALTER TABLE vgpu ADD COLUMN to_vf TEXT
	CHECK (to_vf IS NULL OR to_vf GLOB '*:[0-9a-f][0-9a-f]:[01][0-9a-f].[0-7]');
ALTER TABLE vgpu ADD COLUMN to_vf_index INTEGER CHECK (to_vf_index IS NULL OR to_vf_index >= 0);
UPDATE vgpu SET attached = framework;

ALTER TABLE gpu ADD COLUMN mig TEXT; -- wanted GPU instances
ALTER TABLE catalog ADD COLUMN max_mixed INTEGER NOT NULL DEFAULT 0; -- 0: not known

PRAGMA user_version = 3;
