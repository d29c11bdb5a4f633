alter table tasks alter column took type integer using (extract(epoch from took) / 60)::integer;
