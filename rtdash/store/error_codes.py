"""Codes of the drivers' errors that are the store's trouble: a stable word, the problem, a hint."""

import sqlite3

SQLITE = {
    sqlite3.SQLITE_FULL: ("disk_full", "the disk is full", "free some space"),
    sqlite3.SQLITE_READONLY: (
        "read_only",
        "the database can't be written",
        "give this user the right to write the file and its directory",
    ),
    sqlite3.SQLITE_BUSY: (
        "locked",
        "another program holds the database locked",
        "end the program that has the file open",
    ),
    sqlite3.SQLITE_LOCKED: (
        "locked",
        "another connection holds the database locked",
        "end the program that has the file open",
    ),
    sqlite3.SQLITE_IOERR: ("io_error", "reading or writing the database failed", "check the disk"),
    sqlite3.SQLITE_CORRUPT: (
        "broken",
        "the database file is damaged",
        "restore a backup, then: rtdash doctor --new-epoch",
    ),
    sqlite3.SQLITE_NOTADB: (
        "broken",
        "the file is not a database",
        "restore a backup, then: rtdash doctor --new-epoch",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "cannot_open",
        "the database file can't be opened",
        "check the path and the rights of its directory",
    ),
    sqlite3.SQLITE_PERM: (
        "cannot_open",
        "the database file may not be opened",
        "check the rights of the file and its directory",
    ),
    sqlite3.SQLITE_PROTOCOL: (
        "locked",
        "another program holds the database locked",
        "end the program that has the file open",
    ),
    sqlite3.SQLITE_NOMEM: (
        "no_memory",
        "the store ran out of memory",
        "give the process more memory",
    ),
}
"""Result codes of SQLite (sqlite.org/rescode.html) that are the store's trouble and not the
statement's."""

POSTGRES = {
    "53100": ("disk_full", "the database server's disk is full", "free some space there"),
    "53300": (
        "overloaded",
        "the database server takes no more connections",
        "raise its max_connections, or run fewer processes",
    ),
    "53": ("overloaded", "the database server is out of resources", "look at its log"),
    "25006": ("read_only", "the database can't be written", "connect to the primary"),
    "25P03": (
        "lost",
        "the database server ended a transaction that stood still",
        "look at what held this process up",
    ),
    "28": (
        "refused",
        "the database server refused the login",
        "check user and password in the database URL",
    ),
    "3D000": (
        "refused",
        "the database server has no such database",
        "create it, or correct the database URL",
    ),
    "25P04": (
        "lost",
        "the database server ended a transaction that took too long",
        "look at its transaction_timeout",
    ),
    "3F000": (
        "refused",
        "the database server lets this user into no schema",
        "GRANT USAGE ON SCHEMA public TO it, or name another: ALTER ROLE … SET search_path",
    ),
    "42501": (
        "refused",
        "the database server refuses this user what rtdash needs",
        "grant it the tables of the database",
    ),
    "55000": (
        "refused",
        "the database server takes no connections to this database",
        "look whether it is being restored or moved",
    ),
    "57014": (
        "cancelled",
        "the database server cancelled the statement",
        "look for the program that cancels, and at its statement_timeout",
    ),
    "55P03": (
        "locked",
        "rows stayed locked for too long",
        "look for a long transaction on the database server",
    ),
    "57": ("lost", "the database server ended the connection", "look at its log"),
    "08": (
        "lost",
        "the connection to the database server was lost",
        "check that it runs and can be reached, and the URL's user and password",
    ),
    "58": ("io_error", "the database server can't read or write its files", "look at its log"),
    "XX": (
        "broken",
        "the database server reports damaged data",
        "restore a backup, then: rtdash doctor --new-epoch",
    ),
    "RT000": (
        "silent",
        "the database server doesn't answer",
        "look whether it is frozen or overloaded, and at the network in between",
    ),
}
"""SQLSTATEs and their classes (PostgreSQL manual, appendix A), and the one of our own, that are the
store's trouble."""
