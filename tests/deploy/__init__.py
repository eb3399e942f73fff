"""The set-up for production (docker-compose.yml, tools/deploy): the same files and programs, without containers."""
