# What .ci/run does, a step at a time. `just` without words does all of it.

all: fmt clippy elsewhere doc test websocket tidy deny gates nextest

# Formatting of everything that `mod` lines lead to; tidy looks at the rest.
fmt:
    cargo fmt --all --check

clippy:
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# What probe is on other systems, where their standard library can be had (`rustup target add`).
elsewhere:
    cargo check --quiet --package sockeye-probe --no-default-features --target x86_64-pc-windows-gnu
    cargo check --quiet --package sockeye-probe --no-default-features --target aarch64-apple-darwin

# Twice, because the binary has the library's name and so its pages the same place.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --exclude sockeye-cli --no-deps --document-private-items
    RUSTDOCFLAGS="-D warnings" cargo doc --package sockeye-cli --no-deps --document-private-items

# The command of the read-me file; runs the examples in the documentation too.
test:
    cargo test --workspace

# Conformance of WebSocket, both sides: docs/websocket-conformance.md. Its Python packages serve other tests too.
websocket:
    tests/python/venv.sh
    cargo build --quiet --package sockeye-cli
    cargo build --quiet --package sockeye-net --example ws_echo_client
    target/python/bin/python tests/autobahn/run.py

# The import table, sizes, headers, catalogues: xtask/src/tidy.
tidy:
    cargo run --quiet --package xtask -- tidy

# Licences, banned crates, where crates come from: deny.toml.
deny:
    cargo deny check licenses bans sources

# System calls a message and bytes an idle session, within their bounds. Rates: bench/compare/run.py.
gates:
    cargo build --quiet --package sockeye-cli
    bench/gates.py target/debug/sockeye

nextest:
    cargo nextest run --workspace --all-features
