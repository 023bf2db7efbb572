"""One file per command or group of commands; `apps.cli` puts them together."""
