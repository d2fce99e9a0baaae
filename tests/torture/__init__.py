"""What must survive: killed servers, full disks, many slow clients, very large files."""
