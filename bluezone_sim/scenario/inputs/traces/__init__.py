"""Contact traces: files of who was near whom, as badges, phones and people's own scripts write them."""
