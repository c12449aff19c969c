"""A detector against labels."""
