################################################################################
#
# mioftpd
#
################################################################################

MIOFTPD_VERSION = 0.1.0
# What `cargo package` makes, as mioftpd-0.1.0.tar.gz in the external tree.
MIOFTPD_SITE = $(BR2_EXTERNAL_DEVICE_PATH)/dl
MIOFTPD_SITE_METHOD = file
MIOFTPD_LICENSE = MIT or Apache-2.0
MIOFTPD_LICENSE_FILES = LICENSE-MIT LICENSE-APACHE

MIOFTPD_FEATURES-y = daemon sandbox
MIOFTPD_FEATURES-$(BR2_PACKAGE_MIOFTPD_TLS) += tls
MIOFTPD_FEATURES-$(BR2_PACKAGE_MIOFTPD_CONFIG) += config
MIOFTPD_FEATURES-$(BR2_PACKAGE_MIOFTPD_HASHES) += hashed-passwords

# As the profile `small`: Buildroot asks for `release`.
MIOFTPD_CARGO_ENV = CARGO_PROFILE_RELEASE_OPT_LEVEL=s
MIOFTPD_CARGO_BUILD_OPTS = --no-default-features --features "$(MIOFTPD_FEATURES-y)"
MIOFTPD_CARGO_INSTALL_OPTS = $(MIOFTPD_CARGO_BUILD_OPTS)

define MIOFTPD_USERS
	ftp -1 ftp -1 * /srv/files - - FTP server
endef

define MIOFTPD_INSTALL_INIT_SYSV
	$(INSTALL) -D -m 0755 $(@D)/src/guide/init/sysv.sh $(TARGET_DIR)/etc/init.d/S70mioftpd
endef

$(eval $(cargo-package))
