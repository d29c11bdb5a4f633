alter table projects drop column slug;
