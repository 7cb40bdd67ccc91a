CREATE TABLE "ssh_keys" (
	"uuid" uuid PRIMARY KEY,
	"user_uuid" uuid NOT NULL,
	"name" text NOT NULL,
	"type" text NOT NULL,
	"key" text NOT NULL,
	"fingerprint" text NOT NULL CONSTRAINT "ssh_keys_fingerprint" UNIQUE,
	"comment" text NOT NULL,
	"created_at" timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "audit_entries" ADD COLUMN "object" text;--> statement-breakpoint
ALTER TABLE "audit_entries" ALTER COLUMN "container_uuid" DROP NOT NULL;--> statement-breakpoint
CREATE INDEX "audit_entries_by_time" ON "audit_entries" ("at");--> statement-breakpoint
CREATE UNIQUE INDEX "ssh_keys_name" ON "ssh_keys" ("user_uuid","name");--> statement-breakpoint
ALTER TABLE "ssh_keys" ADD CONSTRAINT "ssh_keys_user_uuid_users_uuid_fkey" FOREIGN KEY ("user_uuid") REFERENCES "users"("uuid");