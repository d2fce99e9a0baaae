-- Rows as the service wrote them with schema 0009. Not Python, so that renaming identifiers never changes it.
INSERT INTO uploads (id, owner, dialect, state, filename, tags, placing, held_open, remembered, created_at, updated_at)
VALUES
  ('deferred', 'local', 'rufh', 'receiving', 'a.mp3', '{}', NULL, 1, '{"metadata": "filename YQ=="}', 1, 1),
  ('placing', 'local', 'native', 'verified', 'b.mp3', '{}',
   '{"name": "b.mp3", "size": 5, "sha256": "00ff", "tags": {"title": "밤"}, "chapters": []}', 0, '{}', 2, 2),
  ('done', 'local', 'native', 'spooled', 'c.mp3', '{}', NULL, 0, '{}', 3, 3);
INSERT INTO slices (upload_id, start, stop, recorded_at) VALUES ('deferred', 0, 10, 7);
INSERT INTO files (id, upload_id, owner, filename, stored_name, size, received_size, sha256, content_hash, spooled_sha256,
  duration, bitrate, sample_rate, channels, retagging, search, uploaded_at, spooled_at)
VALUES ('file', 'done', 'local', 'c.mp3', 'c.mp3', 9, 8, x'01', x'02', x'03', 1.5, 128000, 44100, 2,
  '{"name": "c.mp3", "size": 6, "sha256": "aa", "tags": {}, "chapters": [{"start": 1, "title": "x", "url": null}]}', 'c.mp3', 3, 4);
INSERT INTO heard (file_id, loudness, loudness_range, true_peak, silence_before, silence_behind, peaks, heard_at)
VALUES ('file', -16.5, 3.5, -1.0, 0.25, 0.75, '[1, 99]', 5);

-- Values that became public names of another spelling.
INSERT INTO uploads (id, owner, dialect, state, filename, tags, facts, verdict, created_at, updated_at)
VALUES
  ('failed', 'local', 'native', 'received', 'd.mp3', '{}', NULL, '{"code": "finishing_failed", "details": {}}', 4, 4),
  ('damaged', 'local', 'native', 'rejected', '"code": "finishing_failed".mp3', '{"title": "\"code\": \"media_trouble\""}', NULL,
   '{"code": "damaged", "details": {"reason": "was {\"code\": \"media_trouble\"}", "finding": "chapter_behind_end"}, "findings": [{"code": "chapter_behind_end", "severity": "reject", "offset": null, "expected": 1.5, "actual": "chapter_behind_end"}, {"code": "cover_too_large", "severity": "warn", "offset": null, "expected": null, "actual": null}]}',
   5, 5),
  ('verified', 'local', 'native', 'spooled', 'e.mp3', '{}',
   '{"size": 9, "sha256": "00", "content_hash": "01", "duration": 1.5, "bitrate": 1, "sample_rate": 2, "channels": 2, "audio_sha256": null, "grade": "proved", "findings": [{"code": "chapter_behind_end", "severity": "warn", "offset": null, "expected": null, "actual": null}], "audio": {"frames": 1, "offered_tags": {"title": "Night"}}}',
   NULL, 6, 6);
INSERT INTO files (id, upload_id, owner, filename, stored_name, size, received_size, sha256, content_hash, spooled_sha256,
  duration, bitrate, sample_rate, channels, grade, findings, audio, search, uploaded_at, spooled_at)
VALUES ('proven', 'verified', 'local', 'e.mp3', 'e.mp3', 9, 8, x'01', x'02', x'03', 1.5, 128000, 44100, 2,
  'proved', '[{"code": "chapter_behind_end", "severity": "warn", "offset": null, "expected": null, "actual": null}]',
  '{"frames": 1, "offered_tags": {"title": "Night"}}', 'e.mp3', 6, 7),
  ('complete', 'failed', 'local', 'f.mp3', 'f.mp3', 9, 8, x'01', x'02', x'03', 1.5, 128000, 44100, 2,
  'complete', '[]', NULL, 'f.mp3', 0, 1);
