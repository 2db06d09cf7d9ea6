-- SPDX-License-Identifier: GPL-2.0-or-later
-- History tells more: who by number, by which command, what became of it, and for which VM.
-- What one word said before, "create-intent" for instance, is two from here on. Whose vGPU it
-- was is not known of what was recorded before.
ALTER TABLE event ADD COLUMN uid INTEGER; -- actor is that user's name at the time
ALTER TABLE event ADD COLUMN command TEXT NOT NULL DEFAULT '';
ALTER TABLE event ADD COLUMN outcome TEXT NOT NULL DEFAULT 'done'
	CHECK (outcome IN ('begun', 'done', 'failed', 'undone'));
ALTER TABLE event ADD COLUMN vm TEXT; -- its owner from then on

UPDATE event SET outcome = 'begun', operation = substr(operation, 1, length(operation) - 7)
WHERE operation LIKE '%-intent';
UPDATE event SET outcome = 'failed', operation = substr(operation, 1, length(operation) - 7)
WHERE operation LIKE '%-failed';
UPDATE event SET outcome = 'undone', operation = 'remove' WHERE operation = 'remove-cut-short';

PRAGMA user_version = 2;
