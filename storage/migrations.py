"""The schema of lab.db as a list of steps, in order. A step that has been released is never edited: add the
next one.

Ids of text are made by the caller. Times are UTC ISO with Z. JSON columns hold text. A number is null where
something was not scored or is not a number (NaN).
"""

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("bantam")

FIRST = (
    """create table job (
        id text primary key,
        kind text not null,
        name text not null,
        spec text not null,
        state text not null
            check (state in ('queued', 'running', 'done', 'failed', 'cancelled', 'interrupted')),
        created_at text not null,
        started_at text,
        ended_at text,
        pid integer,
        pid_created real,
        heartbeat_at text,
        attempts integer not null default 0,
        cancel_requested integer not null default 0,
        error text,
        log_path text,
        needs text not null default '[]'
    ) strict""",
    "create index job_name on job (name, created_at)",
    "create index job_state on job (state, created_at)",
    """create table metric (
        job_id text not null references job (id) on delete cascade,
        name text not null,
        step integer not null,
        value real,
        at text not null,
        primary key (job_id, name, step)
    ) strict""",
    """create table dataset (
        id text primary key,
        name text not null,
        fingerprint text not null,
        documents integer not null,
        questions integer not null,
        rejected text not null,
        path text not null,
        created_at text not null
    ) strict""",
    "create index dataset_fingerprint on dataset (fingerprint)",
    """create table index_ (
        id text primary key,
        dataset_id text not null references dataset (id),
        fingerprint text not null,
        path text not null,
        manifest text not null,
        created_at text not null
    ) strict""",
    "create index index_fingerprint on index_ (fingerprint)",
    "create index index_dataset on index_ (dataset_id)",
    """create table model (
        id text primary key,
        name text not null,
        base text not null,
        kind text not null check (kind in ('base', 'adapter')),
        path text not null,
        manifest text not null,
        created_at text not null
    ) strict""",
    "create index model_name on model (name)",
    """create table answer (
        id integer primary key,
        job_id text not null references job (id) on delete cascade,
        arm text not null,
        question_id text not null,
        question text not null,
        golds text not null,
        answer text not null,
        refused integer not null,
        em real,
        f1 real,
        accuracy real,
        citation_ok real,
        prompt_tokens integer,
        output_tokens integer,
        trace text not null,
        created_at text not null
    ) strict""",
    "create index answer_job_arm on answer (job_id, arm)",
)


@migrations(name="0001_first")
def first(db: Database) -> None:
    """Every table that quickstart writes, and the columns that a queue of jobs will need."""
    for statement in FIRST:
        db.execute(statement)


@migrations(name="vote")
def vote(db: Database) -> None:
    """Votes of the playground. Both sides are kept whole, so that a vote alone makes a preference pair."""
    db.execute(
        """create table vote (
            id integer primary key,
            experiment text not null,
            question text not null,
            vote text not null check (vote in ('left', 'right', 'tie', 'bad')),
            blind integer not null,
            left_name text not null,
            right_name text not null,
            left_side text not null,
            right_side text not null,
            created_at text not null
        ) strict"""
    )
    db.execute("create index vote_experiment on vote (experiment, created_at)")


SECOND = (
    "alter table job add column priority integer not null default 0",
    "alter table job add column device text not null default 'auto'",  # as asked for
    "alter table job add column lane text",  # the device it was given when it was claimed
    "alter table job add column runner text not null default 'local'",
    "alter table job add column claims integer not null default 0",  # names a run: only the latest may write
    "alter table job add column max_attempts integer not null default 3",
    "alter table job add column progress text not null default 'null'",
    "alter table job add column artifact text",
    "alter table job add column parent text",
    "alter table job add column remote text",  # the id that a runner elsewhere gave it
    "alter table job add column cancel_at text",
    "create index job_queue on job (state, priority desc, created_at)",
    "create index job_created on job (created_at)",
    "create index job_parent on job (parent)",
    """create table worker (
        id text primary key,
        pid integer not null,
        pid_created real not null,
        devices text not null,
        started_at text not null,
        heartbeat_at text not null
    ) strict""",
    # rows in the order of their key: a curve is one run over neighbouring rows
    """create table metric_by_key (
        job_id text not null references job (id) on delete cascade,
        name text not null,
        step integer not null,
        value real,
        at text not null,
        primary key (job_id, name, step)
    ) strict, without rowid""",
    "insert into metric_by_key select job_id, name, step, value, at from metric",
    "drop table metric",
    "alter table metric_by_key rename to metric",
)


@migrations(name="0002_queue")
def second(db: Database) -> None:
    """What a queue has to know about a job, the worker's row, and metrics that can be drawn at once."""
    for statement in SECOND:
        db.execute(statement)


@migrations(name="0003_decision")
def third(db: Database) -> None:
    """What people decided about preference pairs; ids are never used twice: the latest is the last."""
    db.execute(
        """create table decision (
            id integer primary key autoincrement,
            pair text not null unique,
            verdict text not null check (verdict in ('accepted', 'rejected')),
            source text not null,
            created_at text not null
        ) strict"""
    )
    db.execute("create index decision_source on decision (source, id)")
