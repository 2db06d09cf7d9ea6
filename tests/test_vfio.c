/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sysfs/vfio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/check.h"
#include "lib/tree.h"

#define VF "sys/bus/pci/devices/0000:26:00.4"
#define CREATABLE VF "/nvidia/creatable_vgpu_types"

/* What a reader was told of. */
struct told {
	size_t n;
	struct error last;
	char first[1024];
};

static void note(void *arg, const struct error *err)
{
	struct told *told = arg;

	if (!told->n++)
		(void)snprintf(told->first, sizeof(told->first), "%s", err->message);
	told->last = *err;
}

/* Parses a copy of TEXT; "ID NAME\n" of each type goes to BUF. */
static void parse(const char *text, struct told *told, char *buf, size_t size)
{
	struct vfio_types types = { NULL, 0 };
	struct error err;
	char *copy = strdup(text);
	size_t i, used = 0;

	*told = (struct told){ .n = 0 };
	assert_non_null(copy);
	assert_int_equal(vfio_parse_creatable(copy, "FILE", note, told, &types, &err), 0);
	buf[0] = '\0';
	for (i = 0; i < types.n; i++) {
		used += (size_t)snprintf(buf + used, size - used, "%u %s\n",
					 types.types[i].id, types.types[i].name);
		assert_true(used < size);
	}
	vfio_types_free(&types);
	free(copy);
}

static void all_spellings_of_a_list_are_understood(void **state)
{
	static const struct {
		const char *name, *text, *want;
	} cases[] = {
		{ "a driver's",
		  "ID    : vGPU Name\n1145  : NVIDIA L40S-1B\n2164  : NVIDIA L40S-3B\n",
		  "1145 NVIDIA L40S-1B\n2164 NVIDIA L40S-3B\n" },
		{ "without title", "1428 : NVIDIA H200X-141C\n",
		  "1428 NVIDIA H200X-141C\n" },
		{ "without blanks", "ID:vGPU Name\n1428:NVIDIA H200X-141C",
		  "1428 NVIDIA H200X-141C\n" },
		{ "a wide id", "1234567 : NVIDIA A40-1Q", "1234567 NVIDIA A40-1Q\n" },
		{ "the user guide's", "NVIDIA A40-1Q 557\nNVIDIA A40-2Q 558\n",
		  "557 NVIDIA A40-1Q\n558 NVIDIA A40-2Q\n" },
		{ "names with blanks",
		  "1519  : NVIDIA RTX Pro 6000 Blackwell DC-3Q\n"
		  "NVIDIA RTX Pro 6000 Blackwell DC-1-24Q 1561\n",
		  "1519 NVIDIA RTX Pro 6000 Blackwell DC-3Q\n"
		  "1561 NVIDIA RTX Pro 6000 Blackwell DC-1-24Q\n" },
		{ "CRLF",
		  "ID    : vGPU Name\r\n557   : NVIDIA A40-1Q\r\n\r\n558 : A40-2Q\r\n",
		  "557 NVIDIA A40-1Q\n558 A40-2Q\n" },
		{ "blank lines and blanks",
		  "\n \t\n  557   : NVIDIA A40-1Q  \t\n\n\n\tNVIDIA A40-2Q \t 558 \n\n",
		  "557 NVIDIA A40-1Q\n558 NVIDIA A40-2Q\n" },
		{ "no last newline", "557 : NVIDIA A40-1Q\n558 : NVIDIA A40-2Q",
		  "557 NVIDIA A40-1Q\n558 NVIDIA A40-2Q\n" },
		{ "as the file has them", "9 : NVIDIA A40-1Q\n3 : NVIDIA A40-2Q",
		  "9 NVIDIA A40-1Q\n3 NVIDIA A40-2Q\n" },
		{ "the largest id", "4294967295 : NVIDIA A40-1Q",
		  "4294967295 NVIDIA A40-1Q\n" },
		{ "a name that is no profile's yet", "7 : NVIDIA Whatever",
		  "7 NVIDIA Whatever\n" },
		{ "a colon in a name", "7 : NVIDIA A:B", "7 NVIDIA A:B\n" },
		{ "nothing", "", "" },
		{ "a newline", "\n", "" },
		{ "a title alone", "ID    : vGPU Name\n", "" },
	};
	struct told told;
	char got[512];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		parse(cases[i].text, &told, got, sizeof(got));
		if (strcmp(got, cases[i].want) || told.n)
			fail_msg("%s: got '%s', told %zu times: %s", cases[i].name, got,
				 told.n, told.first);
	}
}

static void a_line_that_makes_no_sense_is_told_and_hides_no_other(void **state)
{
	static const char *const lines[] = {
		"NVIDIA A40-1Q",
		"557",
		"557 :",
		": NVIDIA A40-1Q",
		"0 : NVIDIA A40-1Q",
		"NVIDIA A40-1Q 0",
		"4294967296 : NVIDIA A40-1Q",
		"NVIDIA A40-1Q 4294967296",
		"-1 : NVIDIA A40-1Q",
		"0x22d : NVIDIA A40-1Q",
		"557x : NVIDIA A40-1Q",
		"5 57 : NVIDIA A40-1Q",
		"NVIDIA RTX Pro 6000", /* a name that was cut, not type 6000 */
		"557 NVIDIA A40-1Q",
		"557 = NVIDIA A40-1Q",
		"IDs : NVIDIA A40-1Q",
		"557 : NVIDIA\xff A40-1Q",
		"557 : NVIDIA \x1b[31mA40-1Q",
		"557 : NVIDIA\rA40-1Q",
		"557 : "
		"0123456789012345678901234567890123456789012345678901234567890123456"
		"78901234567890123456789012345",
	};
	char text[512], got[256];
	struct told told;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE_OF(lines); i++) {
		(void)snprintf(text, sizeof(text),
			       "ID    : vGPU Name\n1145  : NVIDIA L40S-1B\n%s\n"
			       "1146  : NVIDIA L40S-2B\n",
			       lines[i]);
		parse(text, &told, got, sizeof(got));
		if (strcmp(got, "1145 NVIDIA L40S-1B\n1146 NVIDIA L40S-2B\n"))
			fail_msg("%s: got '%s'", lines[i], got);
		check_case(lines[i], told.n == 1);
		check_case(lines[i], told.last.errnum == EPROTO);
		assert_contains(told.last.message, "FILE: line 3 is no vGPU type ('");
		check_case(lines[i], !strpbrk(told.last.message, "\x1b\r\xff"));
	}
}

static void of_two_types_with_one_id_the_first_counts(void **state)
{
	struct told told;
	char got[256];

	(void)state;
	parse("5 : NVIDIA A40-1Q\n6 : NVIDIA A40-2Q\n5 : NVIDIA A40-4Q\n005 : A40-8Q\n",
	      &told, got, sizeof(got));
	assert_string_equal(got, "5 NVIDIA A40-1Q\n6 NVIDIA A40-2Q\n");
	assert_int_equal(told.n, 2);
	assert_contains(told.first, "FILE: line 3 has the id of a line before it");
	assert_contains(told.first, "'5 : NVIDIA A40-4Q'");
	assert_contains(told.last.message, "line 4");
}

static void nobody_needs_to_listen(void **state)
{
	char text[] = "5 : NVIDIA A40-1Q\nwhat\n5 : NVIDIA A40-2Q\n";
	struct vfio_types types = { NULL, 0 };

	(void)state;
	assert_int_equal(vfio_parse_creatable(text, "FILE", NULL, NULL, &types, NULL), 0);
	assert_int_equal(types.n, 1);
	vfio_types_free(&types);
	assert_null(types.types);
	vfio_types_free(&types);
}

static void types_have_what_the_table_knows_of_them(void **state)
{
	char text[] =
		"557 : NVIDIA A40-1Q\n822 : NVIDIA H100-2-20C\n9 : NVIDIA X9-1-7Q\n";
	struct vfio_types types = { NULL, 0 };
	struct told told = { .n = 0 };
	struct error err;

	(void)state;
	assert_int_equal(vfio_parse_creatable(text, "FILE", note, &told, &types, &err),
			 0);
	assert_int_equal(told.n, 0);
	assert_int_equal(types.n, 3);
	assert_string_equal(types.types[0].profile, "A40-1Q");
	assert_int_equal(types.types[0].series, 'Q');
	assert_int_equal(types.types[0].framebuffer_mib, 1024);
	assert_int_equal(types.types[0].max_instances, 32);
	assert_int_equal(types.types[0].max_mixed, 30);
	assert_string_equal(types.types[0].mig_profile, "");
	assert_int_equal(types.types[1].max_instances, 3);
	assert_string_equal(types.types[1].mig_profile, "2g.20gb");
	assert_string_equal(types.types[2].profile, "X9-1-7Q");
	assert_int_equal(types.types[2].framebuffer_mib, 0);
	assert_int_equal(types.types[2].max_instances, 0);
	assert_string_equal(types.types[2].mig_profile, "");
	vfio_types_free(&types);
}

/* LEN bytes of the lines of types from id 1000 on, all of which are equally long. */
static char *long_list(size_t len)
{
	char *text = malloc(len + 64);
	size_t used = 0;
	unsigned id;

	assert_non_null(text);
	for (id = 1000; used < len; id++)
		used += (size_t)sprintf(text + used, "%-5u : NVIDIA Z%u-24Q\n", id, id);
	text[len] = '\0';
	return text;
}

/* How many types are read of a file that holds a list of LEN bytes, the last one LAST. */
static size_t read_long(struct tree *tree, size_t len, char last, struct told *told)
{
	struct vfio_types types = { NULL, 0 };
	char *text = long_list(len);
	struct error err;
	size_t i, n;
	int vf_fd;

	text[len - 1] = last;
	host_tree_file(tree->root, CREATABLE, text, len);
	free(text);
	vf_fd = sysfs_walk(tree->fd, VF, &err);
	*told = (struct told){ .n = 0 };
	assert_int_equal(vfio_read_creatable(vf_fd, note, told, &types, &err), 0);
	(void)close(vf_fd);
	for (i = 0; i < types.n; i++) {
		char want[32];

		(void)snprintf(want, sizeof(want), "Z%zu-24Q", 1000 + i);
		assert_int_equal(types.types[i].id, 1000 + i);
		assert_string_equal(types.types[i].profile, want);
	}
	n = types.n;
	vfio_types_free(&types);
	return n;
}

static void a_whole_page_is_read_and_a_line_cut_off_at_its_end_is_told(void **state)
{
	struct tree *tree = *state;
	const size_t line = strlen("1000  : NVIDIA Z1000-24Q\n");
	static const size_t pages[] = { 4096, 16384, 65536 };
	struct told told;
	size_t i;

	for (i = 0; i < ARRAY_SIZE_OF(pages); i++) {
		size_t full = pages[i] - 1; /* as the kernel gives them */

		/* half a name would be the name of another type */
		assert_int_equal(read_long(tree, full, '4', &told), full / line);
		assert_int_equal(told.n, 1);
		assert_contains(told.first, "/" CREATABLE " is as long as a file there");
		/* a last line that has its end is one */
		assert_int_equal(read_long(tree, full / line * line, '\n', &told),
				 full / line);
		assert_int_equal(told.n, 0);
	}
	assert_int_equal(read_long(tree, 2000 / line * line - 1, 'Q', &told),
			 2000 / line);
	assert_int_equal(told.n, 0);
}

static void a_list_that_just_fills_its_page_may_have_lost_its_end(void **state)
{
	char text[4096], *full;
	struct told told;
	char *got = malloc(8192);

	(void)state;
	assert_non_null(got);
	full = long_list(4060);
	full[4060 / 25 * 25 - 1] = '\0';
	/* the last line ends where the page does; sysfs_read() drops its newline */
	(void)snprintf(text, sizeof(text), "%s\n%*s", full,
		       (int)(4094 - strlen(full) - 1), "7 : NVIDIA A40-1Q");
	free(full);
	assert_int_equal(strlen(text), 4094);
	parse(text, &told, got, 8192);
	assert_int_equal(told.n, 1);
	assert_int_equal(told.last.errnum, 0);
	assert_contains(told.first, "FILE is as long as a file there can be");
	assert_contains(got, "\n7 NVIDIA A40-1Q\n");
	text[strlen(text) - 1] = '\0';
	parse(text, &told, got, 8192);
	assert_int_equal(told.n, 0);
	/* a page of a larger kernel that is not full */
	full = long_list(4097);
	parse(full, &told, got, 8192);
	assert_int_equal(told.n, 0);
	free(full);
	/* one line that goes on beyond it */
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "7 : ", 4);
	text[sizeof(text) - 1] = '\0';
	parse(text, &told, got, 8192);
	assert_string_equal(got, "");
	assert_int_equal(told.n, 1);
	free(got);
}

static void a_recorded_l40s_lists_23_types(void **state)
{
	struct tree *tree = *state;
	struct vfio_types types = { NULL, 0 };
	struct told told = { .n = 0 };
	struct error err;
	char text[16] = "?";
	size_t i;
	int vf_fd;

	tree_fill_recorded(tree, "l40s-vf");
	vf_fd = sysfs_walk(tree->fd, VF, &err);
	assert_true(vf_fd >= 0);
	assert_int_equal(vfio_read_creatable(vf_fd, note, &told, &types, &err), 0);
	assert_int_equal(told.n, 0);
	assert_int_equal(types.n, 23);
	for (i = 0; i < types.n; i++) {
		const struct vgpu_type *t = &types.types[i];

		check_case(t->name, t->id == (i < 22 ? 1145 + i : 2164));
		check_case(t->name, !strncmp(t->name, "NVIDIA L40S-", 12));
		check_case(t->name, strchr("ABQ", t->series) && t->series);
		if (i < 22) /* of the last, nothing was ever printed */
			check_case(t->name, t->framebuffer_mib && t->max_instances &&
						    t->max_mixed);
	}
	assert_string_equal(types.types[10].profile, "L40S-24Q");
	assert_int_equal(types.types[10].framebuffer_mib, 24576);
	assert_int_equal(types.types[10].max_instances, 2);
	assert_string_equal(types.types[22].profile, "L40S-3B");
	assert_int_equal(types.types[22].framebuffer_mib, 0);
	vfio_types_free(&types);
	assert_int_equal(vfio_read_text(vf_fd, "placement_id", text, sizeof(text), &err),
			 0);
	assert_string_equal(text, "");
	assert_int_equal(
		vfio_read_text(vf_fd, "gpu_instance_id", text, sizeof(text), &err), 0);
	(void)close(vf_fd);
}

static void a_list_that_cannot_be_read_is_an_error_with_its_path(void **state)
{
	struct tree *tree = *state;
	struct vfio_types types = { NULL, 7 };
	struct told told = { .n = 0 };
	struct error err;
	int vf_fd;

	host_tree_dir(tree->root, VF);
	vf_fd = sysfs_walk(tree->fd, VF, &err);
	assert_int_equal(vfio_read_creatable(vf_fd, note, &told, &types, &err), -ENOENT);
	assert_contains(err.message, CREATABLE ": No such file");
	host_tree_file(tree->root, CREATABLE, "5 : A40\0-1Q\n", 12);
	assert_int_equal(vfio_read_creatable(vf_fd, note, &told, &types, &err), -EPROTO);
	assert_contains(err.message, CREATABLE);
	assert_int_equal(types.n, 7);
	assert_int_equal(told.n, 0);
	host_tree_text(tree->root, CREATABLE, "");
	assert_int_equal(vfio_read_creatable(vf_fd, note, &told, &types, &err), 0);
	assert_int_equal(types.n, 0);
	assert_int_equal(told.n, 0);
	(void)close(vf_fd);
}

/* How many times this process has called write(2), by proc(5); -1 where the kernel does
 * not count. */
static long count_writes(void)
{
	FILE *file = fopen("/proc/self/io", "r");
	char line[64];
	long n = -1;

	while (file && n < 0 && fgets(line, sizeof(line), file))
		(void)sscanf(line, "syscw: %ld", &n);
	if (file)
		(void)fclose(file);
	return n;
}

static void a_type_is_written_at_once_and_without_a_newline(void **state)
{
	static const struct {
		uint32_t id;
		const char *want;
	} cases[] = { { 1155, "1155" }, { 0, "0" }, { UINT32_MAX, "4294967295" } };
	const char *file = VF "/nvidia/current_vgpu_type";
	struct tree *tree = *state;
	char path[2 * PATH_MAX], got[64];
	struct error err;
	struct bdf vf;
	size_t i;
	int fd;

	assert_true(bdf_parse("26:00.4", &vf));
	assert_int_equal(vfio_write_type(tree->fd, &vf, 1, &err), -ENOENT);
	assert_contains(err.message, file);
	/* the devices below bus/ are links */
	host_tree_dir(tree->root, "sys/devices/pci0000:25/0000:26:00.4/nvidia");
	host_tree_link(tree->root, VF, "../../../devices/pci0000:25/0000:26:00.4");
	assert_int_equal(vfio_write_type(tree->fd, &vf, 1, &err), -ENOENT);
	assert_false(sysfs_exists(tree->fd, file)); /* none is made */
	(void)snprintf(path, sizeof(path), "%s/%s", tree->root, file);
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		long before = count_writes();

		assert_int_equal(vfio_write_type(tree->fd, &vf, cases[i].id, &err), 0);
		if (before >= 0)
			assert_int_equal(count_writes() - before, 1);
		memset(got, 0, sizeof(got));
		assert_int_equal(read(fd, got, sizeof(got)), strlen(cases[i].want));
		assert_string_equal(got, cases[i].want);
	}
	(void)close(fd);
}

/* A file that answers ENXIO, as a socket's does to open(2). */
static void make_enxio(const struct tree *tree, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_true(snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s",
			     tree->root, name) < (int)sizeof(address.sun_path));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	(void)close(fd);
}

static void what_a_driver_tells_of_a_vgpu_is_read_and_may_be_nothing(void **state)
{
	static const struct {
		const char *content;
		int r;
		const char *want;
	} cases[] = {
		{ "6\n", 1, "6" },
		{ "0", 1, "0" },
		{ "vgpu-placement-id=6, disable_vnc=1\n", 1,
		  "vgpu-placement-id=6, disable_vnc=1" },
		{ "\n", 0, "" },
		{ "", 0, "" },
		{ " \n\n", 0, "" },
		{ "\x1b[31m\n", -EPROTO, NULL },
		{ "6\n7\n", -EPROTO, NULL },
		{ "0123456789012345678901234567890123456789012345678901234567890123",
		  -EOVERFLOW, NULL },
	};
	struct tree *tree = *state;
	struct error err;
	char text[64];
	size_t i;
	int fd;

	host_tree_dir(tree->root, "nvidia");
	fd = sysfs_walk(tree->fd, ".", &err);
	(void)snprintf(text, sizeof(text), "old");
	assert_int_equal(vfio_read_text(fd, "placement_id", text, sizeof(text), &err), 0);
	assert_string_equal(text, ""); /* an older driver's */
	for (i = 0; i < ARRAY_SIZE_OF(cases); i++) {
		host_tree_text(tree->root, "nvidia/placement_id", cases[i].content);
		check_case(cases[i].content,
			   vfio_read_text(fd, "placement_id", text, sizeof(text), &err) ==
				   cases[i].r);
		if (cases[i].want)
			assert_string_equal(text, cases[i].want);
		else
			assert_contains(err.message, "/nvidia/placement_id");
	}
	make_enxio(tree, "nvidia/gpu_instance_id");
	(void)snprintf(text, sizeof(text), "old");
	assert_int_equal(vfio_read_text(fd, "gpu_instance_id", text, sizeof(text), &err),
			 0);
	assert_string_equal(text, "");
	(void)close(fd);
}

#define on_tree(test) cmocka_unit_test_setup_teardown(test, tree_setup, tree_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_spellings_of_a_list_are_understood),
		cmocka_unit_test(a_line_that_makes_no_sense_is_told_and_hides_no_other),
		cmocka_unit_test(of_two_types_with_one_id_the_first_counts),
		cmocka_unit_test(nobody_needs_to_listen),
		cmocka_unit_test(types_have_what_the_table_knows_of_them),
		on_tree(a_whole_page_is_read_and_a_line_cut_off_at_its_end_is_told),
		cmocka_unit_test(a_list_that_just_fills_its_page_may_have_lost_its_end),
		on_tree(a_recorded_l40s_lists_23_types),
		on_tree(a_list_that_cannot_be_read_is_an_error_with_its_path),
		on_tree(a_type_is_written_at_once_and_without_a_newline),
		on_tree(what_a_driver_tells_of_a_vgpu_is_read_and_may_be_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
