"""What search engines and shared links are told about the pages."""
