"""What the catalogue executes and is asked, by name. `make sql` writes this; edit `expressions.py`."""

from __future__ import annotations

from typing import Final

SQL: Final[dict[str, str]] = {
    "insert_upload": """
INSERT INTO uploads (id, owner, dialect, state, filename, length, last_modified, digest, content_hash, sender, tags,
cover, chapters, facts, verdict, file_id, placing, review, held_open, remembered, address, created_at, updated_at)
VALUES (:id, :owner, :dialect, :state, :filename, :length, :last_modified, :digest, :content_hash, :sender, :tags,
:cover, :chapters, :facts, :verdict, :file_id, :placing, :review, :held_open, :remembered, :address, :created_at,
:updated_at)
""",
    "insert_slice": """
INSERT INTO slices (upload_id, start, stop, digest, recorded_at) VALUES (:upload_id, :start, :stop, :digest,
:recorded_at) ON CONFLICT (upload_id, start) DO UPDATE SET stop = CASE WHEN (slices.stop = excluded.stop) THEN
slices.stop END
""",
    "insert_file": """
INSERT INTO files (id, upload_id, owner, sender, filename, stored_name, size, received_size, sha256, content_hash,
spooled_sha256, duration, bitrate, sample_rate, channels, title, artist, album, date, genre, comment, more_tags,
chapters, audio_sha256, grade, findings, audio, retagging, search, uploaded_at, spooled_at) VALUES (:id, :upload_id,
:owner, :sender, :filename, :stored_name, :size, :received_size, :sha256, :content_hash, :spooled_sha256, :duration,
:bitrate, :sample_rate, :channels, :title, :artist, :album, :date, :genre, :comment, :more_tags, :chapters,
:audio_sha256, :grade, :findings, :audio, :retagging, :search, :uploaded_at, :spooled_at)
""",
    "insert_heard": """
INSERT INTO heard (file_id, loudness, loudness_range, true_peak, silence_before, silence_behind, peaks, heard_at) VALUES
(:file_id, :loudness, :loudness_range, :true_peak, :silence_before, :silence_behind, :peaks, :heard_at) ON CONFLICT DO
NOTHING
""",
    "insert_session": """
INSERT INTO sessions (digest, created_at, expires_at) VALUES (:digest, :created_at, :expires_at)
""",
    "delete_session": """
DELETE FROM sessions WHERE sessions.digest = :digest
""",
    "delete_expired_sessions": """
DELETE FROM sessions WHERE sessions.expires_at <= :now
""",
    "insert_cover": """
INSERT INTO covers (upload_id, picture) VALUES (:upload_id, :picture)
""",
    "update_upload": """
UPDATE uploads SET owner=:owner, dialect=:dialect, state=:state, filename=:filename, length=:length,
last_modified=:last_modified, digest=:digest, content_hash=:content_hash, sender=:sender, tags=:tags, cover=:cover,
chapters=:chapters, facts=:facts, verdict=:verdict, file_id=:file_id, placing=:placing, review=:review,
held_open=:held_open, remembered=:remembered, address=:address, created_at=:created_at, updated_at=:updated_at WHERE
uploads.id = :which
""",
    "update_file": """
UPDATE files SET upload_id=:upload_id, owner=:owner, sender=:sender, filename=:filename, stored_name=:stored_name,
size=:size, received_size=:received_size, sha256=:sha256, content_hash=:content_hash, spooled_sha256=:spooled_sha256,
duration=:duration, bitrate=:bitrate, sample_rate=:sample_rate, channels=:channels, title=:title, artist=:artist,
album=:album, date=:date, genre=:genre, comment=:comment, more_tags=:more_tags, chapters=:chapters,
audio_sha256=:audio_sha256, grade=:grade, findings=:findings, audio=:audio, retagging=:retagging, search=:search,
uploaded_at=:uploaded_at, spooled_at=:spooled_at WHERE files.id = :which
""",
    "save_retag_intent": """
UPDATE files SET retagging=:retagging WHERE files.id = :which
""",
    "delete_slices": """
DELETE FROM slices WHERE slices.upload_id = :which
""",
    "delete_cover": """
DELETE FROM covers WHERE covers.upload_id = :which
""",
    "forget_cover": """
DELETE FROM covers WHERE covers.upload_id = :which AND (EXISTS (SELECT uploads.id FROM uploads WHERE uploads.id =
covers.upload_id AND uploads.state = :state))
""",
    "upload_by_id": """
SELECT uploads.* FROM uploads WHERE uploads.id = :which
""",
    "slices_of": """
SELECT slices.* FROM slices WHERE slices.upload_id = :which ORDER BY slices.start
""",
    "covered_spans": """
SELECT numbered.upload_id, min(numbered.start) AS start, max(numbered.stop) AS stop, NULL AS digest FROM (SELECT
marked.upload_id AS upload_id, marked.start AS start, marked.stop AS stop, sum(marked.opens) OVER (PARTITION BY
marked.upload_id ORDER BY marked.start) AS number FROM (SELECT slices.upload_id AS upload_id, slices.start AS start,
slices.stop AS stop, CASE WHEN (lag(slices.stop) OVER (PARTITION BY slices.upload_id ORDER BY slices.start) =
slices.start) THEN 0 ELSE 1 END AS opens FROM slices WHERE slices.upload_id IN (SELECT anon_1.value FROM
json_each(:upload_ids) AS anon_1)) AS marked) AS numbered WHERE numbered.number <= :most GROUP BY numbered.upload_id,
numbered.number ORDER BY numbered.upload_id, numbered.number
""",
    "uploads_in_state": """
SELECT uploads.id, uploads.owner, uploads.dialect, uploads.state, uploads.filename, uploads.length,
uploads.last_modified, uploads.digest, uploads.content_hash, uploads.sender, '{}' AS tags, uploads.cover, '[]' AS
chapters, uploads.facts, uploads.verdict, uploads.file_id, uploads.placing, uploads.review, uploads.held_open,
uploads.remembered, uploads.address, uploads.created_at, uploads.updated_at FROM uploads WHERE uploads.state IN (SELECT
anon_1.value FROM json_each(:states) AS anon_1) ORDER BY uploads.created_at, uploads.id
""",
    "expiring_uploads": """
SELECT uploads.id, uploads.owner, uploads.dialect, uploads.state, uploads.filename, uploads.length,
uploads.last_modified, uploads.digest, uploads.content_hash, uploads.sender, '{}' AS tags, uploads.cover, '[]' AS
chapters, uploads.facts, uploads.verdict, uploads.file_id, uploads.placing, uploads.review, uploads.held_open,
uploads.remembered, uploads.address, uploads.created_at, uploads.updated_at FROM uploads WHERE uploads.state =
'receiving' AND (uploads.updated_at < :idle AND coalesce((SELECT max(slices.recorded_at) AS max_1 FROM slices WHERE
slices.upload_id = uploads.id), 0) < :idle OR uploads.created_at < :created)
""",
    "open_bytes": """
SELECT uploads.id, uploads.address, coalesce(uploads.length, (SELECT sum(slices.stop - slices.start) AS sum_1 FROM
slices WHERE slices.upload_id = uploads.id), 0) AS bytes FROM uploads WHERE uploads.state = 'receiving' AND
uploads.address IS NOT NULL
""",
    "whole_uploads": """
SELECT uploads.id FROM uploads JOIN slices ON slices.upload_id = uploads.id WHERE uploads.state = 'receiving' AND
uploads.length IS NOT NULL GROUP BY uploads.id HAVING sum(slices.stop - slices.start) >= uploads.length
""",
    "twin": """
SELECT uploads.* FROM uploads JOIN files ON files.upload_id = uploads.id WHERE files.content_hash = :content_hash AND
files.received_size = :length AND files.owner = :owner ORDER BY files.uploaded_at DESC LIMIT 1 OFFSET 0
""",
    "duplicate_of_audio": """
SELECT files.* FROM files WHERE files.content_hash = :content_hash OR files.audio_sha256 = :audio_sha256 ORDER BY
files.owner = :owner DESC, files.uploaded_at, files.id LIMIT 1 OFFSET 0
""",
    "taken_names": """
SELECT files.stored_name FROM files WHERE files.stored_name IN (SELECT anon_1.value FROM json_each(:names) AS anon_1)
""",
    "planned_names": """
SELECT uploads.placing FROM uploads WHERE uploads.state = 'verified' AND uploads.placing IS NOT NULL
""",
    "cover_of": """
SELECT covers.picture FROM covers WHERE covers.upload_id = :which
""",
    "file_by_id": """
SELECT files.* FROM files WHERE files.id = :which
""",
    "unheard_file": """
SELECT files.* FROM files LEFT OUTER JOIN heard ON heard.file_id = files.id WHERE heard.file_id IS NULL ORDER BY
files.uploaded_at DESC, files.id DESC LIMIT 1 OFFSET 0
""",
    "heard_in": """
SELECT heard.* FROM heard WHERE heard.file_id = :which
""",
    "sessions": """
SELECT sessions.* FROM sessions
""",
    "retagging": """
SELECT files.* FROM files WHERE files.retagging IS NOT NULL
""",
    "uploads_page_nnn": """
SELECT uploads.*, (SELECT max(slices.recorded_at) AS max_1 FROM slices WHERE slices.upload_id = uploads.id) AS
last_recorded FROM uploads ORDER BY uploads.created_at DESC, uploads.id DESC LIMIT :rows OFFSET 0
""",
    "uploads_page_nny": """
SELECT uploads.*, (SELECT max(slices.recorded_at) AS max_1 FROM slices WHERE slices.upload_id = uploads.id) AS
last_recorded FROM uploads WHERE uploads.created_at < :key OR uploads.created_at = :key AND uploads.id < :last_id ORDER
BY uploads.created_at DESC, uploads.id DESC LIMIT :rows OFFSET 0
""",
    "uploads_page_nyn": """
SELECT uploads.*, (SELECT max(slices.recorded_at) AS max_1 FROM slices WHERE slices.upload_id = uploads.id) AS
last_recorded FROM uploads WHERE uploads.state IN (SELECT anon_1.value FROM json_each(:states) AS anon_1) ORDER BY
uploads.created_at DESC, uploads.id DESC LIMIT :rows OFFSET 0
""",
    "uploads_page_nyy": """
SELECT uploads.*, (SELECT max(slices.recorded_at) AS max_1 FROM slices WHERE slices.upload_id = uploads.id) AS
last_recorded FROM uploads WHERE uploads.state IN (SELECT anon_1.value FROM json_each(:states) AS anon_1) AND
(uploads.created_at < :key OR uploads.created_at = :key AND uploads.id < :last_id) ORDER BY uploads.created_at DESC,
uploads.id DESC LIMIT :rows OFFSET 0
""",
    "uploads_page_ynn": """
SELECT uploads.*, (SELECT max(slices.recorded_at) AS max_1 FROM slices WHERE slices.upload_id = uploads.id) AS
last_recorded FROM uploads WHERE uploads.owner = :owner ORDER BY uploads.created_at DESC, uploads.id DESC LIMIT :rows
OFFSET 0
""",
    "uploads_page_yny": """
SELECT uploads.*, (SELECT max(slices.recorded_at) AS max_1 FROM slices WHERE slices.upload_id = uploads.id) AS
last_recorded FROM uploads WHERE uploads.owner = :owner AND (uploads.created_at < :key OR uploads.created_at = :key AND
uploads.id < :last_id) ORDER BY uploads.created_at DESC, uploads.id DESC LIMIT :rows OFFSET 0
""",
    "uploads_page_yyn": """
SELECT uploads.*, (SELECT max(slices.recorded_at) AS max_1 FROM slices WHERE slices.upload_id = uploads.id) AS
last_recorded FROM uploads WHERE +uploads.owner = :owner AND uploads.state IN (SELECT anon_1.value FROM
json_each(:states) AS anon_1) ORDER BY uploads.created_at DESC, uploads.id DESC LIMIT :rows OFFSET 0
""",
    "uploads_page_yyy": """
SELECT uploads.*, (SELECT max(slices.recorded_at) AS max_1 FROM slices WHERE slices.upload_id = uploads.id) AS
last_recorded FROM uploads WHERE +uploads.owner = :owner AND uploads.state IN (SELECT anon_1.value FROM
json_each(:states) AS anon_1) AND (uploads.created_at < :key OR uploads.created_at = :key AND uploads.id < :last_id)
ORDER BY uploads.created_at DESC, uploads.id DESC LIMIT :rows OFFSET 0
""",
    "files_by_uploaded_at_nn": """
SELECT files.*, files.uploaded_at AS "key" FROM files WHERE :words = '[]' OR NOT (EXISTS (SELECT * FROM
json_each(:words) AS word WHERE instr(files.search, word.value) = 0)) ORDER BY files.uploaded_at ASC, files.id ASC LIMIT
:rows OFFSET 0
""",
    "files_by_uploaded_at_ny": """
SELECT files.*, files.uploaded_at AS "key" FROM files WHERE (:words = '[]' OR NOT (EXISTS (SELECT * FROM
json_each(:words) AS word WHERE instr(files.search, word.value) = 0))) AND (files.uploaded_at > :key OR
files.uploaded_at = :key AND files.id > :last_id) ORDER BY files.uploaded_at ASC, files.id ASC LIMIT :rows OFFSET 0
""",
    "files_by_uploaded_at_yn": """
SELECT files.*, files.uploaded_at AS "key" FROM files WHERE :words = '[]' OR NOT (EXISTS (SELECT * FROM
json_each(:words) AS word WHERE instr(files.search, word.value) = 0)) ORDER BY files.uploaded_at DESC, files.id DESC
LIMIT :rows OFFSET 0
""",
    "files_by_uploaded_at_yy": """
SELECT files.*, files.uploaded_at AS "key" FROM files WHERE (:words = '[]' OR NOT (EXISTS (SELECT * FROM
json_each(:words) AS word WHERE instr(files.search, word.value) = 0))) AND (files.uploaded_at < :key OR
files.uploaded_at = :key AND files.id < :last_id) ORDER BY files.uploaded_at DESC, files.id DESC LIMIT :rows OFFSET 0
""",
    "files_by_title_nn": """
SELECT files.*, coalesce(files.title, '') AS "key" FROM files WHERE :words = '[]' OR NOT (EXISTS (SELECT * FROM
json_each(:words) AS word WHERE instr(files.search, word.value) = 0)) ORDER BY coalesce(files.title, '') ASC, files.id
ASC LIMIT :rows OFFSET 0
""",
    "files_by_title_ny": """
SELECT files.*, coalesce(files.title, '') AS "key" FROM files WHERE (:words = '[]' OR NOT (EXISTS (SELECT * FROM
json_each(:words) AS word WHERE instr(files.search, word.value) = 0))) AND (coalesce(files.title, '') > :key OR
coalesce(files.title, '') = :key AND files.id > :last_id) ORDER BY coalesce(files.title, '') ASC, files.id ASC LIMIT
:rows OFFSET 0
""",
    "files_by_title_yn": """
SELECT files.*, coalesce(files.title, '') AS "key" FROM files WHERE :words = '[]' OR NOT (EXISTS (SELECT * FROM
json_each(:words) AS word WHERE instr(files.search, word.value) = 0)) ORDER BY coalesce(files.title, '') DESC, files.id
DESC LIMIT :rows OFFSET 0
""",
    "files_by_title_yy": """
SELECT files.*, coalesce(files.title, '') AS "key" FROM files WHERE (:words = '[]' OR NOT (EXISTS (SELECT * FROM
json_each(:words) AS word WHERE instr(files.search, word.value) = 0))) AND (coalesce(files.title, '') < :key OR
coalesce(files.title, '') = :key AND files.id < :last_id) ORDER BY coalesce(files.title, '') DESC, files.id DESC LIMIT
:rows OFFSET 0
""",
    "files_by_artist_nn": """
SELECT files.*, coalesce(files.artist, '') AS "key" FROM files WHERE :words = '[]' OR NOT (EXISTS (SELECT * FROM
json_each(:words) AS word WHERE instr(files.search, word.value) = 0)) ORDER BY coalesce(files.artist, '') ASC, files.id
ASC LIMIT :rows OFFSET 0
""",
    "files_by_artist_ny": """
SELECT files.*, coalesce(files.artist, '') AS "key" FROM files WHERE (:words = '[]' OR NOT (EXISTS (SELECT * FROM
json_each(:words) AS word WHERE instr(files.search, word.value) = 0))) AND (coalesce(files.artist, '') > :key OR
coalesce(files.artist, '') = :key AND files.id > :last_id) ORDER BY coalesce(files.artist, '') ASC, files.id ASC LIMIT
:rows OFFSET 0
""",
    "files_by_artist_yn": """
SELECT files.*, coalesce(files.artist, '') AS "key" FROM files WHERE :words = '[]' OR NOT (EXISTS (SELECT * FROM
json_each(:words) AS word WHERE instr(files.search, word.value) = 0)) ORDER BY coalesce(files.artist, '') DESC, files.id
DESC LIMIT :rows OFFSET 0
""",
    "files_by_artist_yy": """
SELECT files.*, coalesce(files.artist, '') AS "key" FROM files WHERE (:words = '[]' OR NOT (EXISTS (SELECT * FROM
json_each(:words) AS word WHERE instr(files.search, word.value) = 0))) AND (coalesce(files.artist, '') < :key OR
coalesce(files.artist, '') = :key AND files.id < :last_id) ORDER BY coalesce(files.artist, '') DESC, files.id DESC LIMIT
:rows OFFSET 0
""",
    "files_by_duration_nn": """
SELECT files.*, files.duration AS "key" FROM files WHERE :words = '[]' OR NOT (EXISTS (SELECT * FROM json_each(:words)
AS word WHERE instr(files.search, word.value) = 0)) ORDER BY files.duration ASC, files.id ASC LIMIT :rows OFFSET 0
""",
    "files_by_duration_ny": """
SELECT files.*, files.duration AS "key" FROM files WHERE (:words = '[]' OR NOT (EXISTS (SELECT * FROM json_each(:words)
AS word WHERE instr(files.search, word.value) = 0))) AND (files.duration > :key OR files.duration = :key AND files.id >
:last_id) ORDER BY files.duration ASC, files.id ASC LIMIT :rows OFFSET 0
""",
    "files_by_duration_yn": """
SELECT files.*, files.duration AS "key" FROM files WHERE :words = '[]' OR NOT (EXISTS (SELECT * FROM json_each(:words)
AS word WHERE instr(files.search, word.value) = 0)) ORDER BY files.duration DESC, files.id DESC LIMIT :rows OFFSET 0
""",
    "files_by_duration_yy": """
SELECT files.*, files.duration AS "key" FROM files WHERE (:words = '[]' OR NOT (EXISTS (SELECT * FROM json_each(:words)
AS word WHERE instr(files.search, word.value) = 0))) AND (files.duration < :key OR files.duration = :key AND files.id <
:last_id) ORDER BY files.duration DESC, files.id DESC LIMIT :rows OFFSET 0
""",
    "files_by_size_nn": """
SELECT files.*, files.size AS "key" FROM files WHERE :words = '[]' OR NOT (EXISTS (SELECT * FROM json_each(:words) AS
word WHERE instr(files.search, word.value) = 0)) ORDER BY files.size ASC, files.id ASC LIMIT :rows OFFSET 0
""",
    "files_by_size_ny": """
SELECT files.*, files.size AS "key" FROM files WHERE (:words = '[]' OR NOT (EXISTS (SELECT * FROM json_each(:words) AS
word WHERE instr(files.search, word.value) = 0))) AND (files.size > :key OR files.size = :key AND files.id > :last_id)
ORDER BY files.size ASC, files.id ASC LIMIT :rows OFFSET 0
""",
    "files_by_size_yn": """
SELECT files.*, files.size AS "key" FROM files WHERE :words = '[]' OR NOT (EXISTS (SELECT * FROM json_each(:words) AS
word WHERE instr(files.search, word.value) = 0)) ORDER BY files.size DESC, files.id DESC LIMIT :rows OFFSET 0
""",
    "files_by_size_yy": """
SELECT files.*, files.size AS "key" FROM files WHERE (:words = '[]' OR NOT (EXISTS (SELECT * FROM json_each(:words) AS
word WHERE instr(files.search, word.value) = 0))) AND (files.size < :key OR files.size = :key AND files.id < :last_id)
ORDER BY files.size DESC, files.id DESC LIMIT :rows OFFSET 0
""",
    "files_by_filename_nn": """
SELECT files.*, files.filename AS "key" FROM files WHERE :words = '[]' OR NOT (EXISTS (SELECT * FROM json_each(:words)
AS word WHERE instr(files.search, word.value) = 0)) ORDER BY files.filename ASC, files.id ASC LIMIT :rows OFFSET 0
""",
    "files_by_filename_ny": """
SELECT files.*, files.filename AS "key" FROM files WHERE (:words = '[]' OR NOT (EXISTS (SELECT * FROM json_each(:words)
AS word WHERE instr(files.search, word.value) = 0))) AND (files.filename > :key OR files.filename = :key AND files.id >
:last_id) ORDER BY files.filename ASC, files.id ASC LIMIT :rows OFFSET 0
""",
    "files_by_filename_yn": """
SELECT files.*, files.filename AS "key" FROM files WHERE :words = '[]' OR NOT (EXISTS (SELECT * FROM json_each(:words)
AS word WHERE instr(files.search, word.value) = 0)) ORDER BY files.filename DESC, files.id DESC LIMIT :rows OFFSET 0
""",
    "files_by_filename_yy": """
SELECT files.*, files.filename AS "key" FROM files WHERE (:words = '[]' OR NOT (EXISTS (SELECT * FROM json_each(:words)
AS word WHERE instr(files.search, word.value) = 0))) AND (files.filename < :key OR files.filename = :key AND files.id <
:last_id) ORDER BY files.filename DESC, files.id DESC LIMIT :rows OFFSET 0
""",
}
