//! Package managers of programming languages.

use super::{Fetching, NONE, Setting, Tool};

const NODE_HELP: &str =
    "Ship node_modules in the submission's context, or pass --offline with a filled cache.";
const PYTHON_HELP: &str =
    "Vendor the packages and install with --no-index --find-links vendor, or COPY them.";
const VENDOR_HELP: &str =
    "Vendor the dependencies into the submission's context before you submit.";

/// Package managers of programming languages.
pub(in super::super) const LANGUAGE: &[Tool] = &[
    Tool {
        names: "pip",
        fetching: Fetching::AllBut(
            "list freeze show check uninstall config cache debug inspect hash help completion",
        ),
        valued: "--python --log --proxy --retries --timeout --exists-action --trusted-host --cert \
            --client-cert --cache-dir",
        offline: "--no-index",
        settings: &[Setting::Yes("PIP_NO_INDEX")],
        sources: "-i --index-url --pypi-url --extra-index-url -f --find-links",
        help: PYTHON_HELP,
        ..NONE
    },
    Tool {
        names: "pipx",
        fetching: Fetching::AllBut(
            "list uninstall uninstall-all ensurepath environment completions help",
        ),
        sources: "-i --index-url",
        help: PYTHON_HELP,
        ..NONE
    },
    Tool {
        names: "uv",
        fetching: Fetching::AllBut(
            "venv version cache help init tree build-backend generate-shell-completion",
        ),
        valued: "--directory --project --config-file --cache-dir -p --python --color",
        offline: "--offline --no-index",
        settings: &[Setting::Yes("UV_OFFLINE"), Setting::Yes("UV_NO_INDEX")],
        sources: "-i --index-url --default-index --index --extra-index-url -f --find-links",
        help: PYTHON_HELP,
        ..NONE
    },
    Tool {
        names: "uvx",
        fetching: Fetching::Always,
        bare: true,
        offline: "--offline",
        settings: &[Setting::Yes("UV_OFFLINE")],
        help: PYTHON_HELP,
        ..NONE
    },
    Tool {
        names: "poetry",
        fetching: Fetching::AllBut(
            "build run check config version show export env about help list new init remove shell cache",
        ),
        valued: "-C --directory -P --project",
        help: PYTHON_HELP,
        ..NONE
    },
    Tool {
        names: "pdm pipenv hatch rye easy_install conda mamba micromamba pixi",
        fetching: Fetching::AllBut(
            "run list info config clean graph check show --venv activate init shell help build",
        ),
        offline: "--offline",
        settings: &[Setting::Yes("CONDA_OFFLINE"), Setting::Yes("PIP_NO_INDEX")],
        help: PYTHON_HELP,
        ..NONE
    },
    Tool {
        names: "npm",
        fetching: Fetching::AllBut(
            "run run-script rum urn test tst t start stop restart rebuild rb ls list ll la config c get \
            set version verison help help-search prefix root bin cache prune uninstall unlink remove rm \
            r un pkg explain why completion query edit shrinkwrap",
        ),
        valued: "-C --prefix -w --workspace --cache --loglevel --userconfig --registry --script-shell",
        offline: "--offline",
        settings: &[
            Setting::Yes("npm_config_offline"),
            Setting::Yes("NPM_CONFIG_OFFLINE"),
        ],
        help: NODE_HELP,
        ..NONE
    },
    Tool {
        names: "npx",
        fetching: Fetching::Always,
        bare: true,
        offline: "--no-install --no --offline",
        settings: &[
            Setting::Yes("npm_config_offline"),
            Setting::Yes("NPM_CONFIG_OFFLINE"),
        ],
        help: "Install it into node_modules of the context, and call it with npx --no-install.",
        ..NONE
    },
    Tool {
        names: "yarn yarnpkg",
        fetching: Fetching::Only(
            "install add upgrade upgrade-interactive up dlx create global import audit info outdated npm \
            policies plugin set workspaces dedupe",
        ),
        bare: true,
        valued: "--cwd --cache-folder --modules-folder --registry",
        offline: "--offline",
        settings: &[
            Setting::Yes("YARN_OFFLINE"),
            Setting::No("YARN_ENABLE_NETWORK"),
            Setting::Yes("npm_config_offline"),
        ],
        help: NODE_HELP,
        ..NONE
    },
    Tool {
        names: "pnpm pnpx",
        fetching: Fetching::Only(
            "install i add update up upgrade fetch dlx create import audit outdated env self-update setup \
            publish deploy install-test it ci link ln",
        ),
        valued: "-C --dir -F --filter --store-dir --reporter --loglevel",
        offline: "--offline",
        settings: &[Setting::Yes("npm_config_offline")],
        help: NODE_HELP,
        ..NONE
    },
    Tool {
        names: "bun",
        fetching: Fetching::Only(
            "install i add a update x create c upgrade outdated publish audit",
        ),
        valued: "--cwd",
        help: NODE_HELP,
        ..NONE
    },
    Tool {
        names: "bunx create-react-app degit nvm fnm volta n",
        fetching: Fetching::Always,
        help: NODE_HELP,
        ..NONE
    },
    Tool {
        names: "corepack",
        fetching: Fetching::AllBut("enable disable cache"),
        settings: &[Setting::No("COREPACK_ENABLE_NETWORK")],
        help: NODE_HELP,
        ..NONE
    },
    Tool {
        names: "cargo",
        fetching: Fetching::Only(
            "install fetch add search update publish login owner yank generate-lockfile vendor binstall \
            info",
        ),
        valued: "--config -Z -C --color --manifest-path --target-dir",
        offline: "--offline --frozen --path",
        settings: &[Setting::Yes("CARGO_NET_OFFLINE")],
        sources: "--git --index --registry",
        help: "Run cargo vendor before you submit, ship vendor/ and .cargo/config.toml, and build with --offline.",
        ..NONE
    },
    Tool {
        names: "rustup rustup-init cargo-binstall",
        fetching: Fetching::AllBut("show which override run doc man completions help self"),
        bare: true,
        help: "Use a base image that has the toolchain.",
        ..NONE
    },
    Tool {
        names: "go",
        fetching: Fetching::Only("get mod install run work"),
        valued: "-C",
        settings: &[Setting::Is("GOPROXY", "off")],
        help: "Run go mod vendor before you submit, ship vendor/, and build with -mod=vendor.",
        ..NONE
    },
    Tool {
        names: "gem",
        fetching: Fetching::AllBut(
            "build list uninstall environment env contents cleanup help which specification unpack \
            pristine check dependency rdoc stale lock exec",
        ),
        offline: "--local -l",
        sources: "-s --source",
        help: "Run bundle package before you submit, ship vendor/cache, and install with --local.",
        ..NONE
    },
    Tool {
        names: "bundle bundler",
        fetching: Fetching::AllBut(
            "exec config clean check show info list version help init viz env platform open binstubs \
            licenses doctor console remove gem",
        ),
        bare: true,
        valued: "--gemfile --jobs -j --path --without --with --retry",
        offline: "--local --prefer-local",
        help: "Run bundle package before you submit, ship vendor/cache, and install with --local.",
        ..NONE
    },
    Tool {
        names: "composer composer.phar",
        fetching: Fetching::AllBut(
            "dump-autoload dumpautoload run-script run validate check-platform-reqs config exec help list \
            licenses status clear-cache clearcache cc depends why",
        ),
        valued: "-d --working-dir",
        settings: &[Setting::Yes("COMPOSER_DISABLE_NETWORK")],
        help: VENDOR_HELP,
        ..NONE
    },
    Tool {
        names: "mvn mvnw mvnd",
        fetching: Fetching::Always,
        offline: "--offline",
        help: "Ship a filled repository (-Dmaven.repo.local=…) and build with --offline.",
        ..NONE
    },
    Tool {
        names: "gradle gradlew",
        fetching: Fetching::Always,
        bare: true,
        offline: "--offline",
        help: "Ship a filled Gradle home and build with --offline.",
        ..NONE
    },
    Tool {
        names: "cpan cpanm cpm",
        fetching: Fetching::Always,
        help: VENDOR_HELP,
        ..NONE
    },
    Tool {
        names: "deno",
        fetching: Fetching::Only("cache install add upgrade update"),
        offline: "--cached-only",
        help: VENDOR_HELP,
        ..NONE
    },
    Tool {
        names: "setup.py",
        fetching: Fetching::Only("install develop easy_install test"),
        help: PYTHON_HELP,
        ..NONE
    },
    Tool {
        names: "pecl pear luarocks opam cabal stack rebar3 pod nuget vcpkg conan playwright \
            helm terraform ansible-galaxy pyenv rbenv asdf mise sdk ghcup elan juliaup",
        fetching: Fetching::Only(
            "install add update upgrade get init repo pull restore fetch download setup i use",
        ),
        offline: "--offline --no-install-deps",
        help: VENDOR_HELP,
        ..NONE
    },
    Tool {
        names: "mix",
        fetching: Fetching::Only(
            "deps.get deps.update local.hex local.rebar archive.install escript.install",
        ),
        help: VENDOR_HELP,
        ..NONE
    },
    Tool {
        names: "dotnet",
        fetching: Fetching::Only("restore add tool workload new nuget package"),
        help: VENDOR_HELP,
        ..NONE
    },
    Tool {
        names: "dart flutter",
        fetching: Fetching::Only("pub upgrade precache"),
        offline: "--offline",
        help: VENDOR_HELP,
        ..NONE
    },
];
