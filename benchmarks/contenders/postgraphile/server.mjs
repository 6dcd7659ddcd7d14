// PostGraphile 5 over the product's tables: row level security by the session's tenant, and the session looked up for
// every request.
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import pg from "pg";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { PostGraphileConnectionFilterPreset } from "postgraphile-plugin-connection-filter";

const connection = { host: process.env.BENCH_HOST, database: process.env.BENCH_DATABASE, user: "pgl_auth", max: 8 };
const sessions = new pg.Pool(connection);
const SESSION = {
  name: "session",
  text: `select o.tenant_id, o.user_id from session o join tenant t on t.id = $1
    join app_user u on u.tenant_id = $1 and u.id = o.user_id and u.disabled_at is null
    where o.tenant_id = $1 and o.token_hash = $2 and o.ended_at is null
      and o.absolute_until > now() and o.seen_at > now() - interval '7 days' and o.epoch = u.epoch + t.epoch
      and (o.identity_id is null or (select p.enabled from identity i join provider p on p.tenant_id = $1 and p.id = i.provider_id
        where i.tenant_id = $1 and i.id = o.identity_id and i.state not in ('REVOKED', 'QUARANTINED')))`,
};

function keyOf(token) {
  const hex = Buffer.from(token.slice(4, 26), "base64url").toString("hex");
  const tenant = hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
  return [tenant, createHash("sha256").update(token).digest()];
}

const preset = {
  extends: [PostGraphileAmberPreset, PostGraphileConnectionFilterPreset],
  pgServices: [makePgService({ pool: new pg.Pool(connection), schemas: ["public"] })],
  grafserv: { graphiql: false, watch: false, maxRequestLength: 100000 },
  grafast: {
    explain: false,
    async context(request) {
      const token = request.node?.req?.headers.authorization?.slice(7);
      if (!token) throw new Error("no session");
      const { rows } = await sessions.query({ ...SESSION, values: keyOf(token) });
      if (!rows.length) throw new Error("no session");
      return { pgSettings: { role: "pgl_user", "app.tenant": rows[0].tenant_id, "app.user": rows[0].user_id } };
    },
  },
};

const server = createServer();
await postgraphile(preset).createServ(grafserv).addTo(server);
server.listen(Number(process.env.PORT), "127.0.0.1");
