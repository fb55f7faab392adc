/** What `lifeboat init` asks; everything else is a default that the plan's comments show. */
export interface PlanAnswers {
  source: string;
  host: string;
  port: number;
  user: string;
  database: string;
  bucket: string;
  /** undefined: no encryption */
  keyFile: string | undefined;
  /** signs the evidence */
  signingKey: string;
  /** undefined: it runs where `lifeboat up` does; else its stack has bucket and key */
  aws: { stack: string; region: string } | undefined;
}

export const defaultAnswers: PlanAnswers = {
  source: 'main',
  host: 'localhost',
  port: 5432,
  user: 'lifeboat',
  database: 'postgres',
  bucket: './bucket',
  keyFile: './lifeboat.key',
  signingKey: './evidence.key',
  aws: undefined,
};

/** A plan with comments, ready to be written. plan.example.yml is this with the default answers; a test holds it so. */
export function planTemplate(answers: PlanAnswers): string {
  const { source, host, port, user, database, aws } = answers;
  return `# The plan of Lifeboat: what is protected, where it goes, who is told. Relative paths are relative to this file.
${aws ? deployed(aws) : kept(answers)}

sources:
  ${source}:
    kind: postgres
    connection:
      host: ${scalar(host)} # a name, an address, or the absolute path of a socket's folder
      port: ${port}
      user: ${scalar(user)} # a role with REPLICATION
      database: ${scalar(database)} # for questions to the server; a backup has all databases
      # sslmode: prefer # disable, prefer, require, verify-ca, verify-full
      # sslrootcert: /etc/ssl/certs/database-ca.pem
      # password: env:LIFEBOAT_PASSWORD # or file:/path; else ~/.pgpass is asked. Never the password itself.
    # The replication slot that keeps WAL on the server until it is stored. One for each plan that reads this server.
    slot: lifeboat
    # WAL is stored this often, so this is what the loss of the server's machine can cost.
    walChunkSeconds: 5
    # zstd, 1 (fast) to 19 (small)
    compressionLevel: 3

    # When \`lifeboat up\` begins what. AWS expressions: cron(minutes hours day-of-month month day-of-week year) by the clocks
    # of the time zone, or rate(6 hours). A backup is verified and restored for a look by itself; a scheduled drill takes a
    # random instant; a scrub reads back what was not read for longest, so that all is within 30 days.
    schedules:
      full: cron(0 2 ? * SUN *)
      # incremental: cron(0 2 ? * MON-SAT *) # PostgreSQL 17 and newer, with summarize_wal = on
      drill: cron(0 5 1 * ? *)
      scrub: cron(0 6 * * ? *)
      # retention: cron(0 7 * * ? *) # removes what \`retention\` below does not keep; try \`lifeboat expire --dry-run\` first
      # dump: cron(0 4 ? * SUN *) # by pg_dump, and restored for a look: for one table, or a newer version
      # timezone: Europe/Berlin # else UTC. A time that summer time leaves out is skipped, one that comes twice counts once
      # windowMinutes: 15 # in AWS it may begin that much later; \`lifeboat up\` begins on time

    # What is dumped: all databases unless some are named, with rows. \`restoreTest: false\` only reads a dump back.
    # dump: { databases: [shop], schemaOnly: false, restoreTest: true }

    # What is kept: every instant of the window; then the last good backup and dump of so many days, weeks, months and years
    # that have one; and always the last proven one, what others build on, and what is held. Without it everything is kept.
    # It may stand beside \`sources\`, too, for all of them.
    # retention: { window: 35d, daily: 0, weekly: 8, monthly: 12, yearly: 3 }

    # What is promised: data lost at most, time to be back. Measured every minute; what is above is told.
    tier:
      rpo: 1m
      rto: 1h

    # Asked after each restore and drill: the first column of the first row must be what is expected.
    checks:
      - name: the server answers
        query: select 1
        expect: 1
      # - { name: there are orders, database: shop, query: select count(*) > 0 from orders, expect: true }

# Who may say yes to a restore; without a list whoever may reach \`lifeboat up\`. With fourEyes never who asked for it.
# approvers:
#   - { name: Ada, email: ada@example.org, slack: U012ABCDEF }
# fourEyes: true
# slack: { signingSecret: file:/etc/lifeboat/slack-signing-secret } # buttons, for those with a member id: docs/operating.md
# approvals: { required: 1, reason: required } # so many different people, and whether they have to say why

# A kind is slack, webhook, email, sns or statuspage; an occasion is success, failure or question (default: failure and
# question).
# To see that they work: lifeboat notify --test
# notifications:
#   - { kind: slack, webhook: env:SLACK_WEBHOOK, on: [failure, question] }
#   - { kind: webhook, url: file:/etc/lifeboat/webhook-url }
#   - kind: email
#     from: lifeboat@example.org
#     to: [dba@example.org]
#     smtp: { host: mail.example.org, port: 587, user: lifeboat, password: env:SMTP_PASSWORD } # or ses: { region: eu-central-1 }
#   - { kind: sns, topicArn: "arn:aws:sns:eu-central-1:123456789012:lifeboat" }
#   # of Atlassian: an incident for as long as something fails. Everybody may read it: it says what has failed, and not why
#   - { kind: statuspage, pageId: ctm1234, apiKey: env:STATUSPAGE_KEY, componentId: kctbh9vrtdwd }

# What an incident promises, how often people hear of it, and who is called until somebody acknowledges it.
# incidents:
#   updateEvery: 30m
#   contacts:
#     - { name: Ada, email: ada@example.org }
#     - { name: Grace, slack: env:SLACK_GRACE, after: 15m, for: [SEV1, SEV2] }

# A second site for a source, and what follows its primary there: docs/operating.md, "Failover"
# failover:
#   shop:
#     source: main
#     home: east
#     sites:
#       east: { server: { kind: postgres, connection: { host: 10.0.1.5, user: lifeboat }, control: { kind: local, dataDir: /srv/pg/east } } }
#       west: { server: { kind: postgres, connection: { host: 10.0.2.5, user: lifeboat }, control: { kind: sql } } }
#     names: [{ kind: file, path: ./endpoint, values: { east: "10.0.1.5:5432", west: "10.0.2.5:5432" } }]
#     capacity: [{ kind: file, path: ./workers-west, site: west, active: 6, idle: 1 }]
#     settings: [{ kind: file, path: ./application.env, values: { east: DATABASE=east, west: DATABASE=west } }]
#     health: [{ kind: http, url: "http://localhost:8080/health", match: ok }, { kind: sql, query: select 1, expect: 1 }]
#     limits: { lag: 16MiB, lagTime: 1m }
#     proposeAfter: 3m

# What is brought back together by \`lifeboat recover-system shop\`: docs/recovering.md, "A whole system". Applications are in the order
# in which they start, and are stopped the other way round. Beside the place of each source is where its server listens afterwards.
# systems:
#   shop:
#     sources:
#       - { source: main, to: /srv/restored/main, start: { port: 5434, settings: { unix_socket_directories: /run/restored } } }
#       # - { source: another, to: /srv/restored/another, after: [main] }
#     applications: [{ kind: file, path: ./workers, active: 6 }] # or ecs, autoscaling, deployment
#     settings: [{ kind: file, path: ./application.env, value: "DATABASE=localhost:5434" }] # or ssm, secret, configmap
#     health:
#       - { kind: sql, connection: { host: localhost, port: 5434, user: lifeboat }, query: select 1, expect: 1 }
#       - { kind: http, url: "http://localhost:8080/health", match: ok }
#     healthyWithin: 5m

# Each backup, dump, verification, drill and watch pushes its numbers to a Prometheus Pushgateway. A URL with a user and password
# is a secret, like env:PUSHGATEWAY_URL.
# metrics: { pushgateway: "http://localhost:9091", job: lifeboat }
`;
}

const kept = ({ bucket, keyFile, signingKey }: PlanAnswers): string =>
  `# After a change: lifeboat init --check, and start \`lifeboat up\` anew, which read it when it started.

# A directory (best on another machine), or s3://bucket/prefix.
bucket: ${scalar(bucket)}

# Whoever has the key file can read the backups. WITHOUT IT NOBODY CAN: KEEP A COPY ELSEWHERE.
# \`encryption: none\` stores backups in clear.
${keyFile === undefined ? 'encryption: none' : `encryption:\n  keyFile: ${scalar(keyFile)}`}

# Who did what is recorded in the bucket, and signed with this key once a day, so that nobody who may write there can change
# it unseen. Whoever verifies it needs ${scalar(`${signingKey}.pub`)} alone: give that away. After another key: formerKeys: FILE
evidence:
  signingKey: ${scalar(signingKey)}`;

const deployed = ({ stack, region }: NonNullable<PlanAnswers['aws']>): string =>
  `# After a change: lifeboat init --check, and deploy it (docs/aws.md).

# The bucket and the key that the stack makes.
bucket: stack
encryption:
  kmsKey: stack

# Who did what is recorded in the bucket, and signed once a day with a key of the stack that signs nothing else.
evidence:
  kmsKey: stack

aws:
  stack: ${scalar(stack)}
  region: ${scalar(region)}
  # recoveryRegion: eu-west-1 # where a second stack of the same name stands by`;

/** Plain where YAML reads it back as the same text, quoted otherwise. */
const scalar = (text: string): string =>
  /^(?!none$|true$|false$|null$)[A-Za-z./][\w./:@-]*$/.test(text) ? text : JSON.stringify(text);
