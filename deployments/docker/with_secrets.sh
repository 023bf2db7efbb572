#!/bin/sh
# Turns the passwords of /run/secrets into the addresses that the program reads, then becomes the command given.
# They are neither in the image, nor in compose.yaml, nor in anybody's arguments.
set -eu

word_of() {
    word=$(cat "/run/secrets/$1")
    case "$word" in
        '' | *[!A-Za-z0-9_-]*)
            echo "Mật khẩu trong tệp bí mật «$1» chỉ được gồm chữ cái không dấu, chữ số, «-» và «_»." >&2
            exit 2
            ;;
    esac
    printf '%s' "$word"
}

for name in db_password prefect_password; do
    if [ -e "/run/secrets/$name" ] && [ ! -r "/run/secrets/$name" ]; then
        echo "Không đọc được tệp bí mật «$name»; chạy «chmod 0444 deployments/secrets/*» trên máy chủ." >&2
        exit 2
    fi
done
if [ -r /run/secrets/db_password ]; then
    word=$(word_of db_password)
    CCHC_DATABASE_URL="postgresql+psycopg2://cchc:${word}@${CCHC_DATABASE_HOST:-db}:5432/cchc"
    export CCHC_DATABASE_URL
fi
if [ -r /run/secrets/prefect_password ]; then
    word=$(word_of prefect_password)
    PREFECT_API_DATABASE_CONNECTION_URL="postgresql+asyncpg://cchc_prefect:${word}@${CCHC_DATABASE_HOST:-db}:5432/prefect"
    export PREFECT_API_DATABASE_CONNECTION_URL
fi
unset word
exec "$@"
