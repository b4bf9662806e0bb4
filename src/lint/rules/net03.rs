//! NET03: language installers that fetch (R10).

use super::installers::{self, LANGUAGE};
use crate::dockerfile::shell::Command;
use crate::lint::rule::{Rule, Sink, Step};
use crate::model::Severity;

pub(super) static NET03: Net03 = Net03;

pub(super) struct Net03;

impl Rule for Net03 {
    fn id(&self) -> &'static str {
        "NET03"
    }

    fn severity(&self) -> Severity {
        Severity::Block
    }

    fn doc(&self) -> &'static str {
        "A RUN calls pip, npm, cargo, go, gem, mvn or their kin in a way that fetches packages. Vendor them into the \
         submission's context."
    }

    fn step(&self, step: &Step<'_>, sink: &mut Sink<'_>) {
        for command in step.commands() {
            let module = as_module(command);
            let called = module.as_ref().unwrap_or(command);
            let Some(tool) = installers::tool(LANGUAGE, called.name()) else {
                continue;
            };
            if let Some(message) = installers::fetches(tool, called, step) {
                let span = sink.span(command.span());
                let (help, patch) = match installers::vendored(command, step, sink) {
                    Some((help, patch)) => (help, Some(patch)),
                    None => (tool.help.to_owned(), None),
                };
                let words = Step::texts(command);
                sink.network(span, Step::say(command, message), help, words, patch);
            }
        }
    }
}

/// `python -m pip …` as `pip …`, `python setup.py …` as `setup.py …`.
fn as_module(command: &Command) -> Option<Command> {
    let name = command.name();
    if !name.starts_with("python") && !name.starts_with("pypy") {
        return None;
    }
    let words = &command.words;
    let at = words.iter().position(|w| {
        let text = w.text.as_str();
        text.starts_with('-') && !text.starts_with("--") && text.ends_with('m')
    });
    let mut module = command.clone();
    if let Some(at) = at {
        module.words = words.get(at + 1..)?.to_vec();
        return Some(module);
    }
    if let Some(at) = words.iter().position(|w| w.text.ends_with("setup.py")) {
        module.words = words.get(at..)?.to_vec();
        return Some(module);
    }
    let attached = words.iter().position(|w| w.text.starts_with("-m"))?;
    module.words = words.get(attached..)?.to_vec();
    let first = module.words.first_mut()?;
    first.text = first.text.trim_start_matches("-m").to_owned();
    Some(module)
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, caught_in_run, of, passes, passes_in_run};
    use crate::model::Severity;

    #[test]
    fn fetching_is_caught() {
        caught_in_run(
            "NET03",
            &[
                "pip install requests",
                "pip3 install -r requirements.txt",
                "pip3.12 install x",
                "python -m pip install x",
                "python3 -I -m pip install x",
                "python3 -mpip install x",
                "pip --disable-pip-version-check install x",
                "pip install --no-index --index-url https://pypi.example x",
                "pip install --no-index -i https://pypi.example x",
                "pip install --no-index --extra-index-url=https://pypi.example x",
                "pip install --no-index --find-links https://example.com x",
                "pip install --no-index git+https://example.com/x.git",
                "pip install --no-index 'x @ https://example.com/x.whl'",
                "PIP_NO_INDEX=0 pip install x",
                "pip download x",
                "pip install .",
                "pip $ARGS",
                "pipx install x",
                "uv pip install x",
                "uv sync --frozen",
                "uvx ruff",
                "poetry install --no-root",
                "conda install x",
                "npm install",
                "npm i express",
                "npm ci",
                "npm ci --prefer-offline",
                "npm ci --offline=false",
                "npm ci --offline --no-offline",
                "npm --prefix app install",
                "npx create-x",
                "yarn",
                "yarn install --frozen-lockfile",
                "yarn --cwd app add x",
                "pnpm install --frozen-lockfile",
                "pnpm dlx x",
                "bun install",
                "corepack prepare yarn@4 --activate",
                "cargo install cargo-tree",
                "cargo +nightly install x",
                "cargo fetch",
                "cargo install --path . --git https://example.com/x",
                "rustup target add x",
                "go get example.com/x",
                "go install example.com/x@latest",
                "go run example.com/x@v1",
                "go mod download",
                "go mod vendor",
                "GOPROXY=https://proxy.example,off go mod download",
                "gem install x",
                "bundle",
                "bundle install",
                "composer install",
                "mvn package",
                "mvn -Pprod package",
                "./mvnw -B verify",
                "gradle build",
                "./gradlew build",
                "mix deps.get",
                "dotnet restore",
                "env -i npm ci",
                "sh -c 'cd app && npm ci'",
            ],
        );
    }

    #[test]
    fn staying_offline_passes() {
        passes_in_run(
            "NET03",
            &[
                "pip install --no-index --find-links vendor -r requirements.txt",
                "pip install --no-index --find-links=/vendor x",
                "pip install --no-index --find-links file:///vendor x",
                "PIP_NO_INDEX=1 pip install --find-links vendor x",
                "export PIP_NO_INDEX=true && pip install --find-links vendor x",
                "python -m pip install --no-index -f vendor x",
                "pip install --index-url http://127.0.0.1:3141/simple --no-index x",
                "pip install --no-deps ./dist/x-1.0-py3-none-any.whl",
                "pip --version",
                "pip list",
                "python -m venv /venv",
                "python -m compileall .",
                "uv pip install --offline x",
                "uv sync --offline",
                "uv venv",
                "npm run build",
                "npm test",
                "npm ci --offline",
                "npm_config_offline=true npm ci",
                "npm prune --omit=dev",
                "npm cache clean --force",
                "npm --version",
                "npx --no-install tsc",
                "yarn build",
                "yarn run build",
                "yarn install --offline",
                "pnpm run build",
                "pnpm install --offline --frozen-lockfile",
                "corepack enable",
                "cargo build --release --offline",
                "cargo build --release",
                "cargo install --offline --path .",
                "cargo install --path . --locked",
                "cargo fetch --offline",
                "CARGO_NET_OFFLINE=true cargo fetch",
                "go build -mod=vendor -o /out/server ./cmd/server",
                "go build ./...",
                "go install ./cmd/...",
                "go run ./gen",
                "GOPROXY=off go mod vendor",
                "go env -w X=y",
                "GOPROXY=file:///cache go mod download",
                "GOFLAGS=-mod=vendor go install example.com/x",
                "go mod verify",
                "gem install --local x.gem",
                "bundle install --local",
                "bundle exec rake",
                "mvn -o package",
                "mvn --offline package",
                "mvn --version",
                "gradle --offline build",
                "composer dump-autoload",
                "COMPOSER_DISABLE_NETWORK=1 composer install",
                "echo npm install",
                "rm -rf node_modules/npm",
            ],
        );
    }

    #[test]
    fn settings_of_the_image_count() {
        passes(
            "NET03",
            &[
                "FROM node:20-slim\nENV PIP_NO_INDEX=1\nRUN pip install x",
                "FROM node:20-slim\nARG GOPROXY=off\nRUN go mod vendor",
                "FROM node:20-slim AS a\nENV npm_config_offline=true\nFROM a\nRUN npm ci",
            ],
        );
        caught(
            "NET03",
            &[
                "FROM node:20-slim\nENV PIP_NO_INDEX=1\nRUN PIP_NO_INDEX=0 pip install x",
                "FROM node:20-slim\nENV PIP_NO_INDEX=1\nRUN pip install --index-url https://pypi.example x",
                "FROM node:20-slim AS a\nENV npm_config_offline=true\nFROM node:20-slim\nRUN npm ci",
                "FROM node:20-slim\nRUN npm ci\nENV npm_config_offline=true",
            ],
        );
    }

    #[test]
    fn a_grant_reaches_its_own_hosts_over_https_and_no_others() {
        for (run, blocked) in [
            ("npm ci --registry https://registry.example/npm/", false),
            ("npm ci --registry=https://Registry.example", true),
            ("npm ci --registry http://registry.example/npm/", true),
            ("npm ci --registry https://registry.example:8443/", true),
            ("pip install --index-url https://elsewhere.example x", true),
            ("curl -fsS https://registry.example/x | tar -x", false),
            (
                "curl -fsS https://registry.example/x https://elsewhere.example/y",
                true,
            ),
            ("curl https://registry.example@elsewhere.example/", true),
            ("apt-get update", false),
            ("cat </dev/tcp/registry.example/443", true),
        ] {
            let text = format!("FROM node:20-slim\nSHELL [\"/bin/bash\", \"-c\"]\nRUN {run}\n");
            let report = crate::lint::tests::granted(&text);
            assert!(!report.findings.is_empty(), "{run}");
            assert_eq!(report.blocked(), blocked, "{run}: {:?}", report.findings);
        }
        let added = |url: &str| format!("FROM node:20-slim\nADD {url} /x\n");
        let granted = |url: &str| crate::lint::tests::granted(&added(url));
        assert!(!granted("https://registry.example/x.tgz").blocked());
        assert!(granted("https://elsewhere.example/x.tgz").blocked());
        assert!(granted("git@registry.example:a/b.git").blocked());
    }

    #[test]
    fn a_grant_makes_it_a_warning() {
        let report = crate::lint::tests::granted("FROM node:20-slim\nRUN npm ci\n");
        let finding = report.findings.iter().find(|f| f.rule == "NET03");
        assert_eq!(finding.map(|f| f.severity), Some(Severity::Warn));
        assert!(!report.blocked());
        assert_eq!(
            of("NET03", "FROM node:20-slim\nRUN npm ci\n")[0].severity,
            Severity::Block
        );
    }
}
