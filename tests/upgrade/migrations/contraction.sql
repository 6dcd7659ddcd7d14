alter table provider drop column label;
