include $(TOPDIR)/rules.mk

PKG_NAME:=mioftpd
PKG_VERSION:=0.1.0
PKG_RELEASE:=1
# What `cargo package` makes, as mioftpd-0.1.0.tar.gz in the folder dl.
PKG_SOURCE:=$(PKG_NAME)-$(PKG_VERSION).tar.gz
PKG_HASH:=skip
PKG_LICENSE:=MIT OR Apache-2.0
PKG_LICENSE_FILES:=LICENSE-MIT LICENSE-APACHE

PKG_BUILD_DEPENDS:=rust/host
PKG_BUILD_PARALLEL:=1
RUST_PKG_FEATURES:=daemon sandbox

include $(INCLUDE_DIR)/package.mk
include $(TOPDIR)/feeds/packages/lang/rust/rust-package.mk

CARGO_PKG_ARGS+= --no-default-features
CARGO_PKG_VARS+= CARGO_PROFILE_RELEASE_OPT_LEVEL=s

define Package/mioftpd
  SECTION:=net
  CATEGORY:=Network
  SUBMENU:=File Transfer
  TITLE:=Small FTP server
  DEPENDS:=$(RUST_ARCH_DEPENDS)
  USERID:=ftp=55:ftp=55
endef

define Package/mioftpd/description
  A small FTP server. Add tls to RUST_PKG_FEATURES for FTPS, and config for a
  configuration file.
endef

define Package/mioftpd/install
	$(INSTALL_DIR) $(1)/usr/bin $(1)/etc/init.d
	$(INSTALL_BIN) $(PKG_INSTALL_DIR)/bin/mioftpd $(1)/usr/bin/
	$(INSTALL_BIN) $(PKG_BUILD_DIR)/src/guide/init/procd.sh $(1)/etc/init.d/mioftpd
endef

$(eval $(call RustBinPackage,mioftpd))
$(eval $(call BuildPackage,mioftpd))
