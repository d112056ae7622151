#!/bin/sh /etc/rc.common
# OpenWrt: /etc/init.d/mioftpd

USE_PROCD=1
START=90
STOP=10

start_service() {
    procd_open_instance
    procd_set_param command /usr/bin/mioftpd --syslog --run-as ftp -l 0.0.0.0:21 /srv/files
    procd_set_param respawn
    # Messages of a failed start; the log goes to logd, which reads /dev/log.
    procd_set_param stderr 1
    procd_set_param reload_signal HUP
    # Transfers may take thirty seconds to end (timings.grace).
    procd_set_param term_timeout 40
    procd_close_instance
}
