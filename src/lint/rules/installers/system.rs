//! Package managers of operating systems.

use super::{Fetching, NONE, Tool};

const SYSTEM_HELP: &str = "Use a base image that has it, or copy it from another stage.";

/// Package managers of operating systems.
pub(in super::super) const SYSTEM: &[Tool] = &[
    Tool {
        names: "apt-get apt aptitude",
        fetching: Fetching::AllBut(
            "clean autoclean distclean auto-clean autoremove autopurge remove purge check help list show \
            search policy depends rdepends indextargets moo why why-not versions forget-new keep hold \
            unhold markauto unmarkauto",
        ),
        valued: "-o --option -c --config-file -t --target-release --default-release -a --host-architecture -P \
            --build-profiles -q",
        offline: "--no-download -s --simulate --dry-run --just-print --recon --no-act --print-uris",
        help: SYSTEM_HELP,
        ..NONE
    },
    Tool {
        names: "apk",
        fetching: Fetching::AllBut(
            "del info audit verify dot policy stats manifest version list search index convdb mkndx mkpkg \
            adbdump adbsign extract",
        ),
        valued: "-p --root -X --repository --repositories-file --keys-dir --cache-dir -t --virtual --wait \
            --arch --timeout",
        offline: "--no-network -s --simulate",
        help: SYSTEM_HELP,
        ..NONE
    },
    Tool {
        names: "dnf dnf5 yum microdnf tdnf",
        fetching: Fetching::AllBut("clean remove erase autoremove history help version mark"),
        valued: "-c --config --installroot --releasever -d -e -x --exclude --setopt --enablerepo \
            --disablerepo --repo --repoid -R",
        offline: "-C --cacheonly",
        help: SYSTEM_HELP,
        ..NONE
    },
    Tool {
        names: "zypper",
        fetching: Fetching::AllBut(
            "clean cc remove rm help locks ll versioncmp vcmp targetos licenses",
        ),
        valued: "-R --root -D --reposd-dir -C --cache-dir -c --config",
        help: SYSTEM_HELP,
        ..NONE
    },
    Tool {
        names: "add-apt-repository apt-add-repository apt-file debootstrap cdebootstrap mmdebstrap pkcon \
            tasksel microdnf-download dnf-automatic yumdownloader emerge emerge-webrsync nix-channel \
            nix-env nix-shell swupd slackpkg tce-load",
        fetching: Fetching::Always,
        bare: true,
        help: SYSTEM_HELP,
        ..NONE
    },
    Tool {
        names: "snap flatpak brew opkg xbps-install guix pkg pkg_add urpmi eopkg",
        fetching: Fetching::AllBut("remove uninstall list info help config cleanup"),
        help: SYSTEM_HELP,
        ..NONE
    },
];
