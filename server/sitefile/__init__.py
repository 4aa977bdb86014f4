"""The site file that a person writes (TOML): read, checked, loaded into the database.

Imports foundation and the models it fills.
"""
