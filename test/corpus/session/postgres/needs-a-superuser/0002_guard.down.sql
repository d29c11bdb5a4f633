drop event trigger refuse_drops;
drop function refuse_drops();
alter table plans drop column price;
