//! The queue in SQLite: connection, migrations, queries, leases, the audit chain.
