#!/bin/sh
### BEGIN INIT INFO
# Provides:          mioftpd
# Required-Start:    $local_fs $network $syslog
# Required-Stop:     $local_fs $network $syslog
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: FTP server
### END INIT INFO

DAEMON=/usr/bin/mioftpd
PIDFILE=/run/mioftpd.pid
OPTIONS="--syslog --run-as ftp -l 0.0.0.0:21 /srv/files"
# May set these variables anew.
[ -r /etc/default/mioftpd ] && . /etc/default/mioftpd

# The process, if it runs: the file is removed or empty at the end of the server.
running() {
    [ -s "$PIDFILE" ] && kill -0 "$(cat "$PIDFILE")" 2>/dev/null
}

start() {
    # It returns when the server listens, and shows why it does not.
    # shellcheck disable=SC2086
    "$DAEMON" --daemon --pid-file "$PIDFILE" $OPTIONS
}

stop() {
    running || return 0
    kill "$(cat "$PIDFILE")"
    # Transfers may take thirty seconds to end (timings.grace).
    seconds=40
    while running && [ "$seconds" -gt 0 ]; do
        sleep 1
        seconds=$((seconds - 1))
    done
    ! running
}

case "$1" in
    start) running || start ;;
    stop) stop ;;
    restart) stop && start ;;
    reload) running && kill -HUP "$(cat "$PIDFILE")" ;;
    status) running ;;
    *)
        echo "Usage: $0 {start|stop|restart|reload|status}" >&2
        exit 2
        ;;
esac
