# SPDX-License-Identifier: GPL-2.0-or-later
# Makes C of SQL files:  awk -v form=h|c -f embed-sql.awk QUERIES MIGRATION...
# A query starts at "-- name: NAME"; each migration file is one string.

function quote(text)
{
	gsub(/\\/, "\\\\", text)
	gsub(/"/, "\\\"", text)
	return "\"" text "\\n\""
}

FNR == 1 { file++ }

file == 1 && /^-- name: / {
	names[++n_queries] = toupper($3)
	next
}

/^[ \t]*--/ || /^[ \t]*$/ { next }

file == 1 { queries[n_queries] = queries[n_queries] "\n\t\t" quote($0) }
file > 1 { migrations[file - 1] = migrations[file - 1] "\n\t" quote($0) }

END {
	print "/* Made by build-aux/embed-sql.awk; edit the files in sql/ instead. */"
	if (form == "h") {
		print "#pragma once\n"
		print "enum sql_query {"
		for (i = 1; i <= n_queries; i++)
			print "\tSQL_" names[i] ","
		print "\tSQL_COUNT\n};\n"
		print "extern const char *const sql_queries[SQL_COUNT];"
		print "extern const char *const sql_migrations[];"
		print "#define SQL_N_MIGRATIONS " (file - 1)
	} else {
		print "#include \"store/sql.h\"\n"
		print "const char *const sql_queries[SQL_COUNT] = {"
		for (i = 1; i <= n_queries; i++)
			print "\t[SQL_" names[i] "] =" queries[i] ","
		print "};\n\nconst char *const sql_migrations[] = {"
		for (i = 1; i < file; i++)
			print migrations[i] ","
		print "};"
	}
}
