"""What runs on a Ray cluster cost the driver, and how near to ideal they come."""
