drop table public.holidays;
