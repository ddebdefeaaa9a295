"""What Sphinx needs to build the manual, and what is checked of it afterwards."""
