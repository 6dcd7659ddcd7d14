"""The faults by number and name. Number 17 is not used."""

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """One fault: its name, how the tests make it, and what must hold. The counts are those of `FULL=1`."""

    number: int
    name: str
    made_by: str
    must_hold: str


FAULTS = (
    Fault(
        1,
        "worker killed before it sent the refresh token",
        "SIGKILL of a worker that has claimed and waits for the provider's metadata.",
        "The lease runs out and another worker sends the same token within 20 s. 500 syncs in hand when killed: 0 revoked.",
    ),
    Fault(
        2,
        "worker killed after the provider rotated",
        "SIGKILL of a worker while the provider, which has rotated, holds its answers.",
        "The attempt is uncertain and repeated within 20 s. A provider that still takes the old token: all of 1,000 recovered. "
        "A strict one: all recorded as `rotation_lost`, never as the provider's word; people keep their permissions until "
        "their leases end, and are not asked for again before they sign in.",
    ),
    Fault(
        3,
        "worker killed between landing and applying",
        "SIGKILL of a worker whose requests to UserInfo are held, which it makes once the new token is stored.",
        "The next worker goes on with the new token. 500 syncs: 0 tokens lost.",
    ),
    Fault(
        4,
        "API killed in a callback after the code exchange",
        "SIGKILL of the API and its workers while the provider, which has used the code up, holds its answer.",
        "The code is spent and the person signs in anew, which works. No half user, identity or session is left.",
    ),
    Fault(
        5,
        "worker told to end during a call",
        "SIGTERM of a worker while the provider, which has rotated, holds its answers.",
        "It lands and applies what is under way, and ends with exit code 0 within 35 s. 200 restarts: 0 uncertain attempts.",
    ),
    Fault(
        6,
        "two workers at one login, one clock ahead",
        "Two workers with small batches, one with its clock 30 s ahead (libfaketime), and syncs that fall due together.",
        "Leases go by the database's clock: exactly one request for each of 500 due syncs.",
    ),
    Fault(
        7,
        "worker stands still past its lease",
        "SIGSTOP of a worker before or after it has sent the token, the leases run out, another worker, then SIGCONT; and a "
        "worker whose connection stands still in the middle of a claim.",
        "Who has not sent the token does not send it any more; who has sent it does not overwrite the other's result. Nothing "
        "is recorded as the provider's word. Whoever stands still inside a transaction holds up the others for seconds only.",
    ),
    Fault(
        8,
        "every job delivered three times",
        "Each kind of job put into the queue three times, for two workers.",
        "The same end as from one delivery: no token presented twice, no grant and no event written anew.",
    ),
    Fault(
        9,
        "Valkey flushed",
        "FLUSHALL again and again while syncs are due and sessions are asked about.",
        "Syncs go on from the database; no session ends and no request fails.",
    ),
    Fault(
        10,
        "Valkey down and back",
        "SIGKILL of the Valkey, connections refused for a while, another one at the same address.",
        "Workers stay and go on by their own tickers; sign-ins, sessions and syncs work meanwhile; the queue works afterwards.",
    ),
    Fault(
        11,
        "Valkey full, or evicting",
        "A memory limit below what is used, with `noeviction` and with an evicting policy.",
        "As when it is down; `doctor` names the evicting policy.",
    ),
    Fault(
        12,
        "PostgreSQL restarted under load",
        "A fast shutdown and a start, with requests and syncs under way and rotated tokens on their way back.",
        "Requests answer 503 with Retry-After or wait, and work within 10 s of the restart; tokens in memory are landed. "
        "50 restarts: no connection of the pool is lost.",
    ),
    Fault(
        13,
        "failover that leaves connections on a read-only server",
        "Every open connection becomes read-only while new ones can write.",
        "The first refused write drops the pool's connections; readiness says so; writes work within 15 s.",
    ),
    Fault(
        14,
        "link to PostgreSQL cut during a commit",
        "The proxy cuts the connection at the statement that lands a token, or at the COMMIT of applying: before the server "
        "has it, or after it has been carried out and before the worker is told.",
        "The worker finds out by doing it again. 200 cuts: 0 wrong decisions, 0 tokens lost on a strict provider.",
    ),
    Fault(
        15,
        "deadlock in PostgreSQL",
        "Another session takes the locks of a sync in the opposite order, so that the worker's transaction is chosen to fail.",
        "It is repeated with a pause, and the answer is applied; nobody's sync fails.",
    ),
    Fault(
        16,
        "pool exhausted by slow statements",
        "A lock on a table that every request reads, until every connection of the API waits.",
        "Further requests answer 503 quickly; liveness is 200; workers have a pool of their own and go on.",
    ),
    Fault(
        18,
        "disk of the database full",
        "A PostgreSQL on a file system of 128 MiB, which is filled up for longer than a sync's lease lasts.",
        "Changes are refused with `DATABASE_CANNOT_WRITE`, readiness says `full`, reads and permission checks "
        "go on; no rotated token is lost; with space again everything works.",
    ),
    Fault(
        19,
        "disk of the logs full",
        "API and worker write their logs to /dev/full.",
        "No request and no sync fails, and the audit is complete.",
    ),
    Fault(
        20,
        "provider down",
        "Answers of 500, 502, 503 and 429 and dropped connections, in turn.",
        "0 revoked, nobody loses a permission; after recovery everybody is fresh.",
    ),
    Fault(
        21,
        "provider that drips or floods",
        "Answers of two bytes a second, bodies without end, 8 MiB bodies, and 8 MiB in a few compressed KiB.",
        "Each call ends within its deadline, uncertain; the worker's memory stays; another provider's syncs go on meanwhile.",
    ),
    Fault(
        22,
        "provider's TLS broken",
        "An expired certificate, one for another name, one of an unknown authority, and a server of TLS 1.1.",
        "Nobody is revoked, and not one byte of a request is sent.",
    ),
    Fault(
        23,
        "provider's name gone, or leading inside",
        "A name that does not resolve, one that resolves to a private address, and a private address itself.",
        "Not one connection to a private address; nobody is revoked; the reason names which it was.",
    ),
    Fault(
        24,
        "provider answers 200 with a sign-in page",
        "HTML, an empty body, broken JSON and a JSON list with status 200 at the token endpoint.",
        "An unreadable answer is no word of the provider: 0 revoked.",
    ),
    Fault(
        25,
        "refusal of a token that was just replaced",
        "One worker stores the successor while the other's request with the old token is answered with `invalid_grant`.",
        "The stored token is another one by then: 0 revoked in 1,000.",
    ),
    Fault(
        26,
        "provider restored from an old backup",
        "Every refresh token is dead at once.",
        "Everybody is signed out, which is the provider's word, and the alarm of mass failure is raised within 60 s.",
    ),
    Fault(
        27,
        "provider's keys rotated, key set away",
        "A new signing key with the key set answering, and with the key set answering 500.",
        "Known keys go on verifying; an unknown one makes a sync stale until the key set answers again; nobody is revoked.",
    ),
    Fault(
        28,
        "our clock steps by ten minutes",
        "The clock of a running worker is stepped forward and back by 10 minutes (libfaketime).",
        "Token checks fail visibly, nobody is revoked and no lease is cut; with the right time everybody is fresh again.",
    ),
    Fault(
        29,
        "database's clock and ours two minutes apart",
        "As F6, with the worker's clock 120 s ahead.",
        "Exactly one request for each of 500 due syncs.",
    ),
    Fault(
        30,
        "our database restored from a backup",
        "A copy of the database; then sessions end, a mapping is deleted, tokens rotate; then the copy is put in its place.",
        "Sessions that ended since are dead after the command that ends all sessions; people whose token was replaced since "
        "sign in again, and the alarm of mass failure is raised.",
    ),
    Fault(
        31,
        "everybody overdue after an outage",
        "All syncs of a provider are overdue at once, for two workers.",
        "Never more requests at once than the provider's limit of 20; all of 10,000 are synced.",
    ),
    Fault(
        32,
        "hostile GraphQL documents",
        "Four clients send documents made to be expensive while permissions are asked for.",
        "Each is refused; permission checks go on.",
    ),
    Fault(
        33,
        "key of one sealed value missing",
        "One person's refresh token sealed under a key that the ring lacks.",
        "That person is stale as `key_missing`, the others are synced; a start with such a ring is refused and names the key.",
    ),
    Fault(
        34,
        "audit cannot be written",
        "A trigger that raises on every insert into the audit.",
        "Changes are rolled back and refused, syncs wait; nothing is changed without its event.",
    ),
    Fault(
        35,
        "one API killed during sign-ins",
        "SIGKILL of one of two API processes while people sign in at both.",
        "The other goes on; only requests in flight fail; no half session.",
    ),
    Fault(
        36,
        "logout token during a sync of the same login",
        "A back-channel logout while the provider holds the refreshed tokens of that person.",
        "The login is over: 0 of 500 come back.",
    ),
    Fault(
        37,
        "user disabled during a sync",
        "An admin disables the user while the answer is on its way or being applied.",
        "0 of 200 disabled users hold a permission or a session afterwards.",
    ),
    Fault(
        38,
        "mapping deleted during a sync",
        "The mapping of everybody's group is deleted while answers are on their way or being applied.",
        "The next check denies, at most 2 s later.",
    ),
    Fault(
        39,
        "callback replayed at once",
        "The same callback 50 times in parallel, at two API processes.",
        "One signs in, 49 fail; the provider is asked for tokens once.",
    ),
    Fault(
        40,
        "no worker for twenty minutes",
        "1,000 syncs that fell due over the last 20 minutes, and one worker.",
        "All are synced within 120 s, the most overdue first.",
    ),
)
