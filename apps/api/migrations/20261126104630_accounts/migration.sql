ALTER TABLE "api_keys" ADD COLUMN "last_used_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "role" text DEFAULT 'member' NOT NULL;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "is_administrator" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "disabled_at" timestamp(3) with time zone;--> statement-breakpoint
CREATE INDEX "api_keys_by_user" ON "api_keys" ("user_uuid");--> statement-breakpoint
CREATE INDEX "users_by_team" ON "users" ("team_uuid");--> statement-breakpoint
UPDATE "users" SET "role" = 'owner', "is_administrator" = EXISTS (SELECT FROM "api_keys" WHERE "api_keys"."user_uuid" = "users"."uuid" AND 'admin' = ANY("api_keys"."scopes"));
