#!/bin/sh
# s6: /etc/s6/mioftpd/run, with the log on standard output for s6-log. The file timeout-kill beside it should
# contain 40000, because transfers may take thirty seconds to end (timings.grace).
exec 2>&1
exec s6-softlimit -o 1024 /usr/bin/mioftpd --run-as ftp -l 0.0.0.0:21 /srv/files
