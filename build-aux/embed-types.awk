# SPDX-License-Identifier: GPL-2.0-or-later
# Makes C of the table of vGPU types:  awk -f embed-types.awk TABLE
# The table says at its head what is in it. What makes no sense there is told, all of it, and
# ends in exit status 1.

function bad(why)
{
	print FILENAME ":" FNR ": " why | "cat >&2"
	n_bad++
}

# In the table, or NULL.
function quote(text)
{
	return text == "" ? "NULL" : "\"" text "\""
}

# Nine digits are less than UINT32_MAX.
function check_number(value, what)
{
	if (value !~ /^([1-9][0-9]*)?$/ || length(value) > 9)
		bad(what " '" value "' is no number")
}

# No two names are one, and type_table_find() looks by bisection.
function check_order(name,    folded)
{
	sub(/^[A-Z]+ /, "", name)
	folded = toupper(name) ""
	if (folded == last)
		bad("'" name "' is there twice")
	else if (folded < last)
		bad("'" name "' belongs further up: names are sorted as bytes")
	last = folded
}

function check_name(name)
{
	if (name !~ /^(NVIDIA|GRID) [A-Za-z0-9]+([ -][A-Za-z0-9]+)*-[1-9][0-9]*[ABCQ]?(4|ME|NOME|MEALL|GFX)?$/)
		bad("'" name "' is no name of a vGPU type")
	else if (length(name) > 95) # TYPE_NAME_SIZE
		bad("'" name "' is too long")
	else
		check_order(name)
}

function check_source(text, has_figures,    keys, parts, k, n_keys)
{
	if (split(text, parts, ";") > 2 || parts[1] == "" || text ~ /;$/)
		bad("source '" text "' is not of the form 'KEYS' or 'KEYS;KEYS'")
	else if (has_figures && text !~ /;/)
		bad("source '" text "' does not say where the figures are from")
	gsub(/;/, " ", text)
	n_keys = split(text, keys, " ")
	for (k = 1; k <= n_keys; k++)
		if (!(keys[k] in known_keys))
			bad("source '" keys[k] "' is not explained at the head")
}

/^#/ {
	if ($0 ~ /^# [A-Z][A-Z0-9-]*: /) {
		split($0, words, /[ :]/)
		known_keys[words[2]] = 1
	}
	next
}

!has_head {
	has_head = 1
	if ($0 != "name,framebuffer_mib,max_instances,max_mixed,mig_profile,type_id," \
		"driver_version,source")
		bad("these are not the columns")
	next
}

{
	if (split($0, field, ",") != 8) {
		bad("not 8 columns")
		next
	}
	check_name(field[1])
	check_number(field[2], "framebuffer_mib")
	check_number(field[3], "max_instances")
	check_number(field[4], "max_mixed")
	if (field[5] !~ /^([1-9]g\.[1-9][0-9]*gb([+-][a-z.]+)?)?$/ || length(field[5]) > 23)
		bad("mig_profile '" field[5] "' is none")
	if (field[6] !~ /^([1-9][0-9]*(\/[1-9][0-9]*)*)?$/)
		bad("type_id '" field[6] "' is none")
	if (field[7] !~ /^([0-9]+(\.[0-9]+)+)?$/)
		bad("driver_version '" field[7] "' is none")
	check_source(field[8], field[2] field[3] field[4] field[5] != "")
	rows[++n] = "\t{ " quote(field[1]) ", " (field[2] + 0) ", " (field[3] + 0) ", " \
		(field[4] + 0) ", " quote(field[5]) " },"
}

END {
	if (!n && !n_bad)
		bad("there are no types")
	if (n_bad)
		exit 1
	print "/* Made by build-aux/embed-types.awk; edit etc/vgpu-types.csv instead. */"
	print "#include \"model/type_table.h\"\n"
	print "static const struct known_type known_types[] = {"
	for (i = 1; i <= n; i++)
		print rows[i]
	print "};\n"
	print "size_t type_table_size(void)\n{"
	print "\treturn sizeof(known_types) / sizeof(known_types[0]);\n}\n"
	print "const struct known_type *type_table_at(size_t i)\n{"
	print "\treturn i < type_table_size() ? &known_types[i] : NULL;\n}"
}
