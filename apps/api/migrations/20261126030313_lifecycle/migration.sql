CREATE TABLE "host_events" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "host_events_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" timestamp(3) with time zone NOT NULL,
	"host_uuid" uuid NOT NULL,
	"type" text NOT NULL,
	"message" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "host_gpu_types" (
	"host_uuid" uuid,
	"gpu_type" text,
	"total" integer NOT NULL,
	"free" integer NOT NULL,
	CONSTRAINT "host_gpu_types_pkey" PRIMARY KEY("host_uuid","gpu_type")
);
--> statement-breakpoint
CREATE TABLE "join_tokens" (
	"id" text PRIMARY KEY,
	"hash" bytea NOT NULL,
	"host_name" text,
	"created_by" uuid,
	"created_at" timestamp(3) with time zone NOT NULL,
	"expires_at" timestamp(3) with time zone NOT NULL,
	"uses_left" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"user_uuid" uuid,
	"key" text,
	"fingerprint" bytea NOT NULL,
	"resource" text,
	"created_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY("user_uuid","key")
);
--> statement-breakpoint
ALTER TABLE "hosts" DROP CONSTRAINT "hosts_name_key";--> statement-breakpoint
ALTER TABLE "container_facts" ADD COLUMN "last_exit" jsonb;--> statement-breakpoint
ALTER TABLE "container_facts" ADD COLUMN "restarts" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "containers" ADD COLUMN "disk_bytes" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "containers" ADD COLUMN "gpu_types" text[] DEFAULT '{}'::text[] NOT NULL;--> statement-breakpoint
ALTER TABLE "containers" ADD COLUMN "restart" jsonb DEFAULT '{"policy":"no","max_retries":null}' NOT NULL;--> statement-breakpoint
ALTER TABLE "containers" ALTER COLUMN "restart" DROP DEFAULT;--> statement-breakpoint
UPDATE "containers" SET "gpu_types" = ARRAY["gpu_type"] WHERE "gpu_type" IS NOT NULL;--> statement-breakpoint
ALTER TABLE "containers" ADD COLUMN "queued_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "containers" ADD COLUMN "queue_reason" text;--> statement-breakpoint
ALTER TABLE "containers" ADD COLUMN "holds" boolean DEFAULT false NOT NULL;--> statement-breakpoint
-- What is not at rest has its share; so has what leases cards.
UPDATE "containers" SET "holds" = true WHERE "deleted_at" IS NULL AND (
  EXISTS (SELECT FROM "gpu_leases" WHERE "container_uuid" = "containers"."uuid" AND "released_at" IS NULL)
  OR "gpu_count" = 0 AND NOT EXISTS (
    SELECT FROM "container_facts" WHERE "container_uuid" = "containers"."uuid" AND NOT "busy"
      AND ("state" = 'exited' OR "desired" = 'stopped' AND "state" <> 'running')
  )
);--> statement-breakpoint
ALTER TABLE "containers" ADD COLUMN "base_generation" integer;--> statement-breakpoint
ALTER TABLE "containers" ADD COLUMN "deadline_at" timestamp(3) with time zone;--> statement-breakpoint
-- Time enough for its host to join again.
UPDATE "containers" SET "deadline_at" = now() + interval '1 hour'
  WHERE "deleted_at" IS NULL AND "announced_status" NOT IN ('running', 'stopped', 'failed');--> statement-breakpoint
ALTER TABLE "containers" ADD COLUMN "verdict_attempt" integer;--> statement-breakpoint
ALTER TABLE "containers" ADD COLUMN "verdict_code" text;--> statement-breakpoint
ALTER TABLE "containers" ADD COLUMN "verdict_message" text;--> statement-breakpoint
ALTER TABLE "containers" ADD COLUMN "announced_reason" text;--> statement-breakpoint
ALTER TABLE "events" ADD COLUMN "xid" xid8 DEFAULT pg_current_xact_id() NOT NULL;--> statement-breakpoint
ALTER TABLE "events" ADD COLUMN "team_uuid" uuid;--> statement-breakpoint
UPDATE "events" SET "team_uuid" = "containers"."team_uuid" FROM "containers" WHERE "containers"."uuid" = "events"."container_uuid";--> statement-breakpoint
ALTER TABLE "events" ALTER COLUMN "team_uuid" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "gpu_leases" ADD COLUMN "released_by" text;--> statement-breakpoint
-- Hosts of before have no key: they must join again under their name.
ALTER TABLE "hosts" ADD COLUMN "public_key" bytea DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "hosts" ALTER COLUMN "public_key" DROP DEFAULT;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "joined_at" timestamp(3) with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "hosts" ALTER COLUMN "joined_at" DROP DEFAULT;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "removed_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "state" text DEFAULT 'active' NOT NULL;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "state_since" timestamp(3) with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "hosts" ALTER COLUMN "state_since" DROP DEFAULT;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "connects" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "boot_connect" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "report_seq" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "reported_version" bigint DEFAULT -1 NOT NULL;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "disk_bytes" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
-- They get no work before they have joined and said what they have.
UPDATE "hosts" SET "engine_available" = false;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "images" text[] DEFAULT '{}'::text[] NOT NULL;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "deploy_timeout_s" integer DEFAULT 900 NOT NULL;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "checks" jsonb DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "foreign_containers" jsonb DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "requested_cpus" real DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "requested_memory_bytes" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "requested_disk_bytes" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "hosts" ADD COLUMN "containers_count" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "container_facts" DROP COLUMN "target_version";--> statement-breakpoint
ALTER TABLE "containers" ALTER COLUMN "host_uuid" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "containers" ALTER COLUMN "target_version" SET DEFAULT 0;--> statement-breakpoint
ALTER TABLE "hosts" ALTER COLUMN "boot_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "hosts" ALTER COLUMN "last_seen_at" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "hosts" ALTER COLUMN "agent_version" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "hosts" ALTER COLUMN "cpus" SET DEFAULT 0;--> statement-breakpoint
ALTER TABLE "hosts" ALTER COLUMN "memory_bytes" SET DEFAULT 0;--> statement-breakpoint
ALTER TABLE "hosts" ALTER COLUMN "engine_available" SET DEFAULT false;--> statement-breakpoint
CREATE INDEX "containers_by_deadline" ON "containers" ("deadline_at") WHERE deadline_at is not null and deleted_at is null;--> statement-breakpoint
CREATE INDEX "containers_in_line" ON "containers" ("queued_at") WHERE queued_at is not null;--> statement-breakpoint
CREATE INDEX "events_by_team" ON "events" ("team_uuid","xid","id");--> statement-breakpoint
CREATE INDEX "host_events_by_host" ON "host_events" ("host_uuid","id");--> statement-breakpoint
CREATE INDEX "host_gpu_types_by_free" ON "host_gpu_types" ("gpu_type","free");--> statement-breakpoint
CREATE UNIQUE INDEX "hosts_name" ON "hosts" ("name") WHERE removed_at is null;--> statement-breakpoint
CREATE INDEX "idempotency_keys_by_age" ON "idempotency_keys" ("created_at");--> statement-breakpoint
ALTER TABLE "host_events" ADD CONSTRAINT "host_events_host_uuid_hosts_uuid_fkey" FOREIGN KEY ("host_uuid") REFERENCES "hosts"("uuid") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "host_gpu_types" ADD CONSTRAINT "host_gpu_types_host_uuid_hosts_uuid_fkey" FOREIGN KEY ("host_uuid") REFERENCES "hosts"("uuid") ON DELETE CASCADE;--> statement-breakpoint
ALTER TABLE "join_tokens" ADD CONSTRAINT "join_tokens_created_by_users_uuid_fkey" FOREIGN KEY ("created_by") REFERENCES "users"("uuid");--> statement-breakpoint
ALTER TABLE "idempotency_keys" ADD CONSTRAINT "idempotency_keys_user_uuid_users_uuid_fkey" FOREIGN KEY ("user_uuid") REFERENCES "users"("uuid");