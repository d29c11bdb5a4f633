alter table order_lines add column total_cents integer not null generated always as (quantity * price_cents) stored;
