"""Reports of a bench session: one record, three forms of it, and exports."""
