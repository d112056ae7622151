#!/bin/sh
# runit, also that of BusyBox: /etc/sv/mioftpd/run
exec 2>&1
exec /usr/bin/mioftpd --run-as ftp -l 0.0.0.0:21 /srv/files
