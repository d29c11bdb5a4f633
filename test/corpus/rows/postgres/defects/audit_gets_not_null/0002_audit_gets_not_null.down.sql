alter table audit drop column actor;
