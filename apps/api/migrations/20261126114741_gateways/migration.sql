CREATE TABLE "gateways" (
	"uplink_url" text PRIMARY KEY,
	"seen_at" timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "spent_tickets" (
	"nonce" text PRIMARY KEY,
	"expires_at" timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "containers" ADD COLUMN "private_ports" integer[] DEFAULT '{}'::integer[] NOT NULL;