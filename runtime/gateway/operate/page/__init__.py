"""The page at `/`: one file, made of those that lie here."""
