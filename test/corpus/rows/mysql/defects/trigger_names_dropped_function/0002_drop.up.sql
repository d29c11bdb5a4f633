drop function tax_of;
