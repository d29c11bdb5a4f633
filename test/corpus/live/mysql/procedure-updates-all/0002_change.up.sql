create procedure fix_notes()
begin
  update orders set note = 'x';
end;
call fix_notes();
drop procedure fix_notes;
