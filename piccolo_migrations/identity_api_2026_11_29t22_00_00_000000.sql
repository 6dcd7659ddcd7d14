alter table provider_breaker add column paused_at timestamptz;
