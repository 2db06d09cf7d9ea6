-- SPDX-License-Identifier: GPL-2.0-or-later

-- name: begin
BEGIN IMMEDIATE;

-- name: begin_read
BEGIN;

-- name: commit
COMMIT;

-- name: rollback
ROLLBACK;

-- name: version
SELECT user_version, application_id, (SELECT count(*) FROM sqlite_master)
FROM pragma_user_version, pragma_application_id;

-- name: meta_get
SELECT value FROM meta WHERE key = :key;

-- name: meta_put
INSERT OR REPLACE INTO meta (key, value) VALUES (:key, :value);

-- name: generation_next
UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'generation';

-- name: vgpu_all
SELECT id, uuid, vm, vm_uuid, slot, profile, type_name, type_id, framebuffer_mib, framework,
       gpu, vf, vf_index, state, boot_id, created_at, changed_at, params, placement_id,
       driver_version, attached, to_gpu, to_vf, to_vf_index
FROM vgpu;

-- name: vgpu_all_2
-- Of a store of schema 2 or 1, in the words of the newest.
SELECT id, uuid, vm, vm_uuid, slot, profile, type_name, type_id, framebuffer_mib, framework,
       gpu, vf, vf_index, state, boot_id, created_at, changed_at, params, placement_id,
       '', framework, NULL, NULL, NULL
FROM vgpu;

-- name: vgpu_insert
INSERT INTO vgpu (uuid, vm, vm_uuid, slot, profile, type_name, type_id, framebuffer_mib,
                  framework, gpu, vf, vf_index, state, boot_id, created_at, changed_at,
                  params, placement_id, driver_version, attached)
VALUES (:uuid, :vm, :vm_uuid, :slot, :profile, :type_name, :type_id, :framebuffer_mib,
        :framework, :gpu, :vf, :vf_index, :state, :boot_id, :now, :now,
        :params, :placement_id, :driver_version, :attached);

-- name: vgpu_set_state
-- Whatever was intended before is not any more.
UPDATE vgpu
SET state = :state, boot_id = :boot_id, type_id = :type_id, framework = :framework,
    driver_version = :driver_version, to_gpu = NULL, to_vf = NULL, to_vf_index = NULL,
    changed_at = :now
WHERE id = :id AND state = :from;

-- name: vgpu_set_state_2
UPDATE vgpu
SET state = :state, boot_id = :boot_id, type_id = :type_id, framework = :framework,
    changed_at = :now
WHERE id = :id AND state = :from;

-- name: vgpu_set_place
UPDATE vgpu SET gpu = :gpu, vf = :vf, vf_index = :vf_index, changed_at = :now WHERE id = :id;

-- name: vgpu_set_target
UPDATE vgpu SET to_gpu = :to_gpu, to_vf = :to_vf, to_vf_index = :to_vf_index, changed_at = :now
WHERE id = :id;

-- name: vgpu_set_owner
UPDATE vgpu SET vm = :vm, vm_uuid = :vm_uuid, slot = :slot, changed_at = :now WHERE id = :id;

-- name: vgpu_set_attached
UPDATE vgpu SET attached = :attached, changed_at = :now WHERE id = :id;

-- name: vgpu_park
-- Takes a row out of the index on VFs, so that several can change places in one transaction.
UPDATE vgpu SET vf = gpu WHERE id = :id;

-- name: vgpu_delete
DELETE FROM vgpu WHERE id = :id;

-- name: vgpu_clear
DELETE FROM vgpu;

-- name: vgpu_import
INSERT INTO vgpu (id, uuid, vm, vm_uuid, slot, profile, type_name, type_id, framebuffer_mib,
                  framework, gpu, vf, vf_index, state, boot_id, created_at, changed_at,
                  params, placement_id, driver_version, attached, to_gpu, to_vf, to_vf_index)
VALUES (:id, :uuid, :vm, :vm_uuid, :slot, :profile, :type_name, :type_id, :framebuffer_mib,
        :framework, :gpu, :vf, :vf_index, :state, :boot_id, :created_at, :changed_at,
        :params, :placement_id, :driver_version, :attached, :to_gpu, :to_vf, :to_vf_index);

-- name: gpu_clear
DELETE FROM gpu;

-- name: gpu_all
SELECT bdf, model, vendor, device, wanted_vfs, cordoned, heterogeneous, mig FROM gpu;

-- name: gpu_all_2
SELECT bdf, model, vendor, device, wanted_vfs, cordoned, heterogeneous, NULL FROM gpu;

-- name: gpu_insert
INSERT OR IGNORE INTO gpu (bdf) VALUES (:bdf);

-- name: gpu_update
UPDATE gpu SET model = :model, vendor = :vendor, device = :device, wanted_vfs = :wanted_vfs
WHERE bdf = :bdf;

-- name: gpu_set_wishes
UPDATE gpu SET cordoned = :cordoned, heterogeneous = :heterogeneous, mig = :mig
WHERE bdf = :bdf;

-- name: catalog_get
SELECT type_id, type_name, framebuffer_mib, max_instances, num_heads, max_resolution, max_mixed
FROM catalog
WHERE vendor = :vendor AND device = :device AND driver_version = :driver_version
ORDER BY type_id;

-- name: catalog_get_2
SELECT type_id, type_name, framebuffer_mib, max_instances, num_heads, max_resolution, 0
FROM catalog
WHERE vendor = :vendor AND device = :device AND driver_version = :driver_version
ORDER BY type_id;

-- name: catalog_clear
DELETE FROM catalog
WHERE vendor = :vendor AND device = :device AND (NOT :partial OR driver_version <> :driver_version);

-- name: catalog_insert
INSERT OR REPLACE INTO catalog (vendor, device, driver_version, type_id, type_name, framebuffer_mib,
                     max_instances, num_heads, max_resolution, max_mixed)
VALUES (:vendor, :device, :driver_version, :type_id, :type_name, :framebuffer_mib,
        :max_instances, :num_heads, :max_resolution, :max_mixed);

-- name: event_insert
INSERT INTO event (at, actor, uid, command, operation, outcome, uuid, vm, detail)
VALUES (:now, :actor, :uid, :command, :operation, :outcome, :uuid, :vm, :detail);

-- name: event_insert_1
-- Into a store of schema 1, which could not be brought up to date for want of room.
INSERT INTO event (at, actor, operation, uuid, detail)
VALUES (:now, :actor, :operation, :uuid, :detail);

-- name: event_some
-- The last ones of those that are asked for. What a vGPU is given to another VM by is part of
-- the history of both.
SELECT * FROM (
	SELECT seq, at, actor, uid, command, operation, outcome, uuid, vm, detail
	FROM event
	WHERE at >= :since AND (:uuid IS NULL OR uuid = :uuid) AND (
		:vm IS NULL OR vm = :vm OR (
			operation = 'assign' AND (
				SELECT before.vm FROM event AS before
				WHERE before.uuid = event.uuid AND before.seq < event.seq
				ORDER BY before.seq DESC LIMIT 1
			) = :vm
		)
	)
	ORDER BY seq DESC LIMIT :limit
) ORDER BY seq;

-- name: event_some_1
-- Likewise of schema 1, which knows less, in the words of the newest.
SELECT * FROM (
	SELECT seq, at, actor, NULL, '',
	       CASE WHEN operation LIKE '%-intent' OR operation LIKE '%-failed'
	            THEN substr(operation, 1, length(operation) - 7)
	            WHEN operation = 'remove-cut-short' THEN 'remove'
	            ELSE operation END,
	       CASE WHEN operation LIKE '%-intent' THEN 'begun'
	            WHEN operation LIKE '%-failed' THEN 'failed'
	            WHEN operation = 'remove-cut-short' THEN 'undone'
	            ELSE 'done' END,
	       uuid, NULL, detail
	FROM event
	WHERE at >= :since AND (:uuid IS NULL OR uuid = :uuid) AND :vm IS NULL
	ORDER BY seq DESC LIMIT :limit
) ORDER BY seq;

-- name: event_uuids
SELECT DISTINCT uuid FROM event WHERE substr(uuid, 1, length(:prefix)) = :prefix
ORDER BY uuid;
