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
