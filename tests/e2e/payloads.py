"""Texts that try to be SQL. Each would leave a trace on the table `canary` or on the disk if anything ran it."""

from __future__ import annotations

from itertools import product

TRACE = "cchc_r11_trace"
_ACTS = (
    "drop table canary", "delete from canary", "truncate canary", "insert into canary values ('hit')", "update canary set word = 'hit'",
    "alter table canary add column hit int", f"copy (select 1) to program 'touch /tmp/{TRACE}'", f"copy canary to '/tmp/{TRACE}'",
    "create table cchc_hit (a int)", "drop schema public cascade", "select pg_sleep(30)", "select 1/0", "rollback", "commit; drop table canary",
    "do $$ begin delete from canary; end $$", "drop table dossiers_facts cascade",
)  # fmt: skip
_SHELLS = (
    "'; {}; --", "\"; {}; --", "'); {}; --", "') ; {}; /*", "\\'; {}; --", "'||({})||'", "$$; {}; --", "1; {}", "x' union all {} --", "%(x)s; {}; --",
    "%s'; {} --", "{{}}'; {}; --", ":a; {};", "\u02bc; {}; --", "\uff07; {}; --", "\\.\n{};\n\\.", "''; {}; --", "/**/'/**/;/**/{}/**/--", "'\t;{};--",
    "e'\\x27; {}; --", "U&'\\0027; {}; --", "`; {}; #", "'; {};\x00--", "a','b'); {}; --", "}}'; {}; --", "({})", "'; begin; {}; commit; --",
)  # fmt: skip
_LONE = (
    "' or '1'='1", "' or 1=1--", "\" or \"\"=\"", "1 or 1=1", "admin'--", "' and sleep(5)#", "'; exec xp_cmdshell('dir')--", "0x27", "%27%20or%201=1",
    "\\", "'", "\"", "''", "$$", "--", "/*", "*/", ";", "%", "_", "%s", "%(a)s", "%%", "{0}", "{sums}", "{scope}", "{late}", "\\N", "\\.", "NULL",
    "null'--", "infinity", "${jndi:ldap://127.0.0.1/a}", "{{7*7}}", "<script>fetch('//127.0.0.1')</script>",
)  # fmt: skip


def payloads() -> list[str]:
    """Return more than 450 texts for cells (no NUL), all different."""
    made = [shell.replace("{}", act, 1).replace("{{}}", "{}") for shell, act in product(_SHELLS, _ACTS)]
    made = [text.replace("\x00", "").replace("\n", " ").replace("\t", " ") for text in made]
    return list(dict.fromkeys([*made, *_LONE]))
