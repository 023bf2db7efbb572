-- Inboxes elsewhere: what was fetched from them.

-- Grain: one row per inbox, remote path and version of the remote file (its tag, else size and time).
create table remote_files (
    inbox text not null,
    path text not null,
    version text not null,
    size_bytes bigint,
    state text not null check (state in ('seen', 'fetched', 'failed')),
    first_seen_at timestamptz not null,
    changed_at timestamptz not null,
    attempts integer not null default 0,
    error text,
    sha256 text,
    local_name text,
    primary key (inbox, path, version)
);
