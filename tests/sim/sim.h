/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include "util.h"

#define VFS_MAX 252 /* what fits on the PF's own bus behind offset 4 */
#define GPUS_MAX 128
#define TYPES_MAX 128
#define DRIVER_SIZE 32
#define PARAMS_SIZE 1024
#define VF_OFFSET 4
#define VF_STRIDE 1
#define DRIVER_VERSION "550.163.02" /* unless the host file says otherwise */
#define VERSION_SIZE 32
#define GIS_MAX 8

enum framework {
	FRAMEWORK_MDEV, /* the VFs are mdev parents of one instance each */
	FRAMEWORK_VFIO, /* the VFs have nvidia/current_vgpu_type */
	FRAMEWORK_PF,	/* the PF is the mdev parent, there are no VFs */
};

#define TYPE_NAME_SIZE 64
#define GI_NAME_SIZE 16

/* One vGPU type as a driver offers it. */
struct vgpu_type {
	unsigned id;
	char name[TYPE_NAME_SIZE];
	unsigned framebuffer_mib;
	unsigned max_instance;
	unsigned max_mixed;		/* per GPU in mixed-size mode, 0: none there */
	char mig_profile[GI_NAME_SIZE]; /* "1g.10gb", "" where it is time-sliced */
};

struct type_table {
	char name[32];
	struct vgpu_type *types;
	size_t n;
};

/* A kind of GPU instance, that is of part that MIG can make of a GPU. */
struct gi_profile {
	char name[GI_NAME_SIZE]; /* "1g.5gb", "1g.5gb+me" */
	unsigned id;
	char memory[8]; /* GiB */
	unsigned sm, dec, enc, ce, jpeg, ofa;
	unsigned size; /* memory slices */
	unsigned starts[GIS_MAX], n_starts;
};

struct mig_table {
	char name[32];
	struct gi_profile *profiles;
	size_t n;
};

/* A GPU instance. */
struct gi {
	const struct gi_profile *profile; /* NULL: there is none */
	unsigned id, start;
	const struct claim *user; /* the vGPU that has it, or NULL */
	bool compute;		  /* it has a compute instance */
};

/* What one vGPU has of its GPU. */
struct claim {
	struct claim *next; /* of the same GPU */
	bool held;
	unsigned type;	/* index into the GPU's type table */
	int placement;	/* mixed-size mode: its first unit, else -1 */
	bool misplaced; /* its vgpu_params want a placement that cannot be had */
	struct gi *gi;	/* MIG: where it is, else NULL */
};

enum object_kind { OBJECT_ROOT, OBJECT_DEVICE, OBJECT_MDEV, OBJECT_DRIVER };

/* Whatever has a directory that comes and goes. Its serial number, part of
 * the inode numbers below it, is never used twice. */
struct object {
	struct hnode by_serial;
	enum object_kind kind;
	bool dead; /* out of the tree, waiting to be freed */
	int group; /* IOMMU group, -1 if none */
	struct object *next_dead;
};

/* A root complex: /sys/devices/pciDDDD:BB */
struct root {
	struct object obj;
	uint32_t bus; /* domain << 8 | bus */
	char name[16];
};

struct driver {
	struct object obj;
	char name[DRIVER_SIZE];
	struct {
		uint16_t vendor, device;
	} ids[16]; /* by new_id */
	size_t n_ids;
};

enum role { ROLE_PORT, ROLE_PF, ROLE_VF, ROLE_OTHER };

/* A PCI function. */
struct device {
	struct object obj;
	struct hnode by_bdf;
	size_t index; /* in sim.devices */
	uint32_t bdf;
	char name[BDF_SIZE];
	enum role role;
	uint16_t vendor, device, subvendor, subdevice;
	uint32_t class;
	uint8_t revision;
	uint8_t bus_behind, bus_last; /* of a port */
	int numa;
	struct root *root;
	struct device *port; /* NULL for the ports themselves */
	struct gpu *gpu;     /* PF and VF only */
	unsigned vf_index;
	char home[DRIVER_SIZE]; /* the driver it gets at boot, "" for none */
	struct driver *driver;
	char override[64];
	struct mdev *mdevs; /* its children */
	bool unregistering; /* the driver is leaving, waiting for its children */
	struct claim claim; /* FRAMEWORK_VFIO: of its vGPU */
	char params[PARAMS_SIZE];
	pid_t holder;	   /* pretended process that has its VFIO group open */
	unsigned refusals; /* see enum release_mode */
};

enum mdev_state {
	MDEV_CREATING, /* on the bus; its driver has not answered yet */
	MDEV_LIVE,
	MDEV_REMOVING, /* off the bus, waiting for its user */
	MDEV_STUCK,    /* the same without anyone waiting */
};

struct mdev {
	struct object obj;
	struct hnode by_uuid;
	char uuid[UUID_SIZE];
	struct device *parent;
	struct mdev *sibling;
	unsigned type; /* index into the GPU's type table */
	enum mdev_state state;
	struct claim claim; /* held from within its create */
	bool remove_gone;   /* someone removed it before it was live */
	bool busy;
	char vm_name[128];
	char params[PARAMS_SIZE];
	pid_t pid; /* pretended QEMU, while busy */
};

struct gpu {
	/* from the host file */
	uint32_t bdf, port;
	char model[32];
	uint16_t device, subdevice;
	int numa;
	unsigned total_vfs;
	unsigned framebuffer_mib;
	struct type_table *table;
	char driver[DRIVER_SIZE];
	enum framework framework, next_framework; /* the latter from the next boot on */
	struct mig_table *mig;			  /* NULL: it knows no MIG */
	bool mig_over_reboot;			  /* its MIG mode survives one */

	struct device *pf;	     /* NULL while taken away */
	struct device *vfs[VFS_MAX]; /* the first num_vfs; NULL where taken */
	bool vf_taken[VFS_MAX];
	bool taken;
	unsigned num_vfs;
	bool autoprobe;
	char vf_driver[DRIVER_SIZE]; /* what its VFs were bound to at enabling */
	struct claim *claims;
	unsigned n_used;	  /* vGPUs that exist */
	unsigned used_mib;	  /* framebuffer size of the first, 0 if there are none */
	bool mixed;		  /* mixed-size mode */
	bool mig_on, mig_pending; /* the mode, and the one that is wanted */
	struct gi gis[GIS_MAX];
	bool sriov_busy; /* a change of num_vfs is under way */
	bool lane_busy;	 /* a create is inside the driver */
	pthread_cond_t lane;
	unsigned n_creating;
	int lie; /* available_instances reads this, -1 for the truth */
	uint64_t types_late_ms, types_ready_at;
};

/* A PCI function that is no GPU, from the host file. */
struct device_conf {
	uint32_t bdf, port;
	uint16_t vendor, device, subvendor, subdevice;
	uint32_t class;
	int numa;
	char driver[DRIVER_SIZE];
};

/* A port of a PCIe switch, from the host file. */
struct bridge_conf {
	uint32_t bdf, port;
	uint16_t vendor, device;
	uint8_t bus_first, bus_last; /* behind it */
	int numa;
};

enum operation { OP_CREATE, OP_REMOVE, OP_SRIOV, OP_BIND, N_OPERATIONS };

/* A planned misbehaviour of the FROM-th operation, or of all from it on: a failure, a
 * delay, or a function that is gone when it begins. */
struct rule {
	enum operation op;
	uint64_t from;
	bool onward;
	int errnum; /* fail with it ... */
	bool after; /* ... after having done the work */
	unsigned delay_ms;
	uint32_t vanish; /* a VF or PF, 0 for none */
};

enum override_kind {
	OVERRIDE_GARBAGE,
	OVERRIDE_HIDE,
	OVERRIDE_HANG,
	OVERRIDE_LINK,
	OVERRIDE_REFUSE, /* with the errno in MS */
};

/* What one path shows instead of the truth. */
struct override {
	enum override_kind kind;
	char *path;
	char *text;
	size_t text_len;
	unsigned ms;
};

struct forgotten {
	uint64_t dir;
	char name[64];
};

enum counter {
	COUNT_OPEN,
	COUNT_READ,
	COUNT_READDIR,
	COUNT_READLINK,
	COUNT_GETATTR,
	COUNT_LOOKUP,
	COUNT_WRITE,
	COUNT_CREATE,
	COUNT_REMOVE,
	COUNT_SRIOV,
	COUNT_BIND,
	COUNT_ATTR_READ,
	COUNT_ATTR_READ_NAME,
	COUNT_ATTR_READ_DESCRIPTION,
	COUNT_ATTR_READ_AVAILABLE,
	COUNT_ATTR_READ_OTHER,
	COUNT_CREATE_FAILED,
	COUNT_MAX_PARALLEL_CREATE,
	COUNT_MAX_PARALLEL_PER_GPU,
	COUNT_SMI,
	N_COUNTERS,
};

/* What creatable_vgpu_types looks like. */
enum spelling { SPELLING_HEADER, SPELLING_BARE, SPELLING_NAME_FIRST };

/* When a VF that is in use lets go of its type. */
enum release_mode {
	RELEASE_STRICT, /* when it is no longer in use */
	RELEASE_LAX,	/* also at the N+1st try */
	RELEASE_LATE,	/* N tries after it was last in use */
};

enum smi_mode { SMI_NORMAL, SMI_FAIL, SMI_HANG, SMI_MISSING };

struct rename {
	char from[TYPE_NAME_SIZE], to[TYPE_NAME_SIZE];
};

enum manage_mode { MANAGE_NORMAL, MANAGE_NOOP, MANAGE_FAIL, MANAGE_UNBOUND, MANAGE_HANG };

/* The whole host. All of it is guarded by LOCK, which every function that
 * takes a struct sim expects to be held, unless it says otherwise. */
struct sim {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* some state that an operation may wait for */
	pthread_cond_t halted;	/* reboot, stop or wake: nobody sleeps on */
	uint64_t wakes;		/* how often those that hang were let go */
	uint64_t epoch;		/* number of reboots */
	bool stopping;
	time_t started;	     /* the time that files show */
	unsigned n_async;    /* operations in threads of their own */
	unsigned n_blockers; /* reasons why an operation might have to wait */

	/* from the host file */
	char name[64];
	char version[VERSION_SIZE], next_version[VERSION_SIZE];
	bool has_smi; /* there is an nvidia-smi */
	struct type_table *tables;
	size_t n_tables;
	struct mig_table *mig_tables;
	size_t n_mig_tables;
	struct gpu *gpus;
	size_t n_gpus;
	struct device_conf *confs;
	size_t n_confs;
	struct bridge_conf *bridges;
	size_t n_bridges;

	uint64_t next_serial;
	struct htab by_serial, by_bdf, by_uuid;
	struct object *graveyard;
	struct device **devices;
	size_t n_devices, devices_size;
	struct root **roots;
	size_t n_roots;
	struct driver **drivers;
	size_t n_drivers;
	struct object **groups;
	size_t n_groups, groups_low;
	size_t n_mdevs;

	/* what the control commands set */
	unsigned type_offset, next_type_offset;
	char **dropped, **next_dropped;
	size_t n_dropped, n_next_dropped;
	struct rename *renames; /* for the next boot */
	size_t n_renames;
	char vf_driver[DRIVER_SIZE];
	bool raw_sriov, strict_newline;
	int full_errno; /* 0: as the framework has it */
	enum spelling spelling;
	enum release_mode release;
	unsigned release_tries;
	unsigned latency_ms, chunk; /* a read gives CHUNK bytes at most, 0: all */
	bool tracing;
	char **trace; /* what was asked for, once each */
	size_t n_trace;
	struct gpu *sriov_owner;
	struct rule *rules;
	size_t n_rules;
	uint64_t op_count[N_OPERATIONS];
	struct override *overrides;
	size_t n_overrides;
	enum manage_mode manage;
	uint64_t manage_left; /* runs that still get it; UINT64_MAX: all */
	bool manage_hangs;    /* until the next command about sriov-manage */
	enum smi_mode smi;
	uint64_t smi_left; /* as manage_left */
	bool smi_hangs;
	unsigned n_creating;
	uint64_t counters[N_COUNTERS];

	/* entries that the kernel must look up anew after this command */
	struct forgotten forget[4];
	size_t n_forget;

	/* below DIR */
	int dir_fd;
	char *dir;
	pid_t next_pid; /* of the pretended processes */
};

/* --- hostfile.c --- */

/* Fills tables, gpus and confs of SIM from the file at PATH. Prints what is
 * wrong and returns false on failure. Needs no lock. */
bool hostfile_load(struct sim *sim, const char *path);
/* Makes it N GPUs of VFS VFs each; 0 keeps what the file says. */
void hostfile_resize(struct sim *sim, unsigned n, unsigned vfs);
void hostfile_free(struct sim *sim);
/* "mdev", "vfio" or "pf". */
bool framework_parse(const char *name, enum framework *ret);

/* --- model.c --- */

void sim_init(struct sim *sim);
void sim_free(struct sim *sim);
/* Frees the objects that left the tree, once no operation can hold one. */
void sim_reap(struct sim *sim);
/* Wait for SIM->changed, or MS milliseconds. False when the host went down
 * meanwhile: the caller must return at once and touch nothing. */
bool sim_wait(struct sim *sim);
bool sim_sleep(struct sim *sim, uint64_t ms);
/* Ends all sleep. */
void sim_wake(struct sim *sim);
/* Wakes whoever waits for any change of state. */
void sim_changed(struct sim *sim);

struct object *object_find(const struct sim *sim, uint64_t serial);
void object_add(struct sim *sim, struct object *obj, enum object_kind kind);
void object_del(struct sim *sim, struct object *obj);
void group_alloc(struct sim *sim, struct object *obj);
void group_free(struct sim *sim, struct object *obj);

struct device *device_find(const struct sim *sim, uint32_t bdf);
/* Takes a function out of the tree, with its children. Never waits. */
void device_del(struct sim *sim, struct device *dev);
/* Puts the PF of GPU in place and binds it to its driver. */
void gpu_plug(struct sim *sim, struct gpu *gpu);
/* Takes the PF and all VFs away. Never waits. */
void gpu_unplug(struct sim *sim, struct gpu *gpu);
/* Adds VF number I of GPU, binding it if autoprobe is on. */
void gpu_add_vf(struct sim *sim, struct gpu *gpu, unsigned i);
/* Takes VF number I of GPU away, as long as it is marked as taken. Never waits. */
void gpu_take_vf(struct sim *sim, struct gpu *gpu, unsigned i);
/* The GPU that the function at BDF belongs to, there or not: *RET_VF is its number, -1
 * for the PF. */
struct gpu *gpu_of_bdf(struct sim *sim, uint32_t bdf, int *ret_vf);
/* Everything to the state after power-on. */
void sim_reboot(struct sim *sim);

/* --- driver.c --- */

/* The driver of that name, made if there is none. */
struct driver *driver_get(struct sim *sim, const char *name);
struct driver *driver_find(const struct sim *sim, const char *name);
/* Binds an unbound device. */
void driver_attach(struct device *dev, struct driver *drv);
/* Unbinds it, waiting for its children to become idle; -errno on shutdown. */
int driver_release(struct sim *sim, struct device *dev);
/* The same, without mercy and without waiting. */
void driver_release_now(struct sim *sim, struct device *dev);
/* Looks for a driver, as drivers_probe does. */
void driver_probe(struct sim *sim, struct device *dev);
/* Writes to bind, unbind, new_id, remove_id and drivers_probe. */
int driver_bind(struct sim *sim, struct driver *drv, const char *bdf);
int driver_unbind(struct sim *sim, struct driver *drv, const char *bdf);
int driver_new_id(struct sim *sim, struct driver *drv, const char *text);
int driver_remove_id(struct driver *drv, const char *text);
int driver_drivers_probe(struct sim *sim, const char *bdf);
/* A write of TEXT to the sriov_numvfs of DEV, a PF. */
int sriov_write(struct sim *sim, struct device *dev, const char *text);

/* --- capacity.c --- */

/* Is the type at INDEX of the table offered at present? */
bool type_offered(const struct sim *sim, const struct type_table *table, unsigned index);
/* How many more vGPUs of the type at INDEX can be made on DEV, a parent. */
unsigned type_room(const struct device *dev, unsigned index);
/* The same, or the lie that shall be told about it. */
unsigned type_available(const struct device *dev, unsigned index);
/* Has the VF its one vGPU, or is it making or losing it? */
bool vf_occupied(const struct device *dev);
/* The errno of a GPU without room. */
int gpu_full_errno(const struct sim *sim, const struct gpu *gpu);
/* Takes what a vGPU of TYPE needs, for which there must be room; gives it back. */
void claim_take(struct gpu *gpu, struct claim *claim, unsigned type);
void claim_give(struct gpu *gpu, struct claim *claim);
/* Its vgpu_params are PARAMS from now on: they may name a placement. */
void claim_params(const struct gpu *gpu, struct claim *claim, const char *params);
/* Has GPU a mixed-size mode? */
bool mixed_known(const struct gpu *gpu);
/* In mixed-size mode a GPU is a row of units of 1 GB. A vGPU of TYPE takes so many ... */
unsigned placement_size(const struct vgpu_type *type);
/* ... from one of max_mixed places on. This is where the I-th begins. */
unsigned placement_id(const struct gpu *gpu, const struct vgpu_type *type, unsigned i);
/* Is there nothing but perhaps CLAIM in SIZE units from ID on? */
bool placement_free(const struct gpu *gpu, unsigned id, unsigned size,
		    const struct claim *claim);

/* --- mig.c --- */

/* How many more instances of PROFILE can be made. */
unsigned gi_room(const struct gpu *gpu, const struct gi_profile *profile);
/* Makes one, NULL when there is no room for it. */
struct gi *gi_create(struct gpu *gpu, const struct gi_profile *profile);
/* An instance of that name without a vGPU, or NULL. */
struct gi *gi_idle(struct gpu *gpu, const char *profile);
/* How many of them there are. */
unsigned gi_count_idle(const struct gpu *gpu, const char *profile);
/* What a GPU forgets when its VFs change: its mixed-size mode and its instances. */
void gpu_modes_lost(struct gpu *gpu);

/* --- mdev.c --- */

/* Has DEV an mdev_supported_types directory? */
bool mdev_parent(const struct device *dev);
/* Has DEV the nvidia directory of the vendor-specific framework? */
bool vfio_parent(const struct device *dev);
struct mdev *mdev_find(const struct sim *sim, const char *uuid);
/* The writes to create and remove: LEN bytes at TEXT. */
int mdev_create(struct sim *sim, struct device *dev, unsigned type, const char *text,
		size_t len);
int mdev_remove(struct sim *sim, struct mdev *mdev, const char *text);
/* Takes MDEV out of the tree at once. */
void mdev_del(struct sim *sim, struct mdev *mdev);
/* Starts or ends the pretended use of MDEV by a virtual machine. */
void mdev_busy(struct sim *sim, struct mdev *mdev, const char *vm);
void mdev_idle(struct sim *sim, struct mdev *mdev);
/* Around every create, of either framework; returns R. */
void create_begins(struct sim *sim, struct gpu *gpu);
int create_ends(struct sim *sim, struct gpu *gpu, int r);
/* The driver's attention, which is given per GPU to one at a time. False after a reboot.
 */
bool lane_enter(struct sim *sim, struct gpu *gpu);
void lane_leave(struct gpu *gpu);

/* --- vfio.c --- */

/* A write to current_vgpu_type. */
int vfio_set_type(struct sim *sim, struct device *dev, const char *text);
/* The VF has a user, or no longer. */
void vfio_hold(struct sim *sim, struct device *dev);
void vfio_let_go(struct sim *sim, struct device *dev);
/* The driver leaves DEV: its vGPU goes with it. */
void vfio_clear(struct device *dev);

/* --- plan.c --- */

struct node;

struct plan {
	int errnum;
	bool after;
	unsigned delay_ms;
};

/* Counts one operation and says what is planned for it. */
struct plan plan_next(struct sim *sim, enum operation op);
/* Does some rule delay an operation? */
bool plan_delays(const struct sim *sim);
/* All that was planned to take long ends, what is under way as well. */
void plan_end_hangs(struct sim *sim);
/* Drops the rules that fail, or those that delay, or those that let vanish. */
enum rule_kind { RULE_FAIL, RULE_DELAY, RULE_VANISH };
void plan_drop_rules(struct sim *sim, enum rule_kind kind);
/* The errno that any use of the node is refused with, 0 for none. */
int plan_refuses(const struct sim *sim, const struct node *n);
/* Keeps LINE in mind, if asked to; or that somebody does WHAT to the node. */
void plan_trace_line(struct sim *sim, const char *line);
void plan_trace(struct sim *sim, const char *what, const struct node *n);
/* The override of that kind for PATH, or NULL. */
const struct override *override_find(const struct sim *sim, enum override_kind kind,
				     const char *path);
/* Sets or, with TEXT NULL, clears one; a HIDE has "" for its text. */
void override_set(struct sim *sim, enum override_kind kind, const char *path,
		  const char *text, size_t len, unsigned ms);
void plan_free(struct sim *sim);
/* What this run of sriov-manage shall do: takes one run from the plan. */
const char *manage_next(struct sim *sim);

/* --- attr.c --- */

/* What a type can show on screens. */
struct display {
	unsigned heads, frl, width, height;
};

void type_display(const struct vgpu_type *type, struct display *ret);
/* The letter of its series, NUL if its name has none. */
char type_series(const struct vgpu_type *type);

/* --- pcicfg.c --- */

#define CONFIG_SIZE 4096
/* The configuration space of DEV, as /sys shows it. */
void pcicfg_build(const struct device *dev, unsigned char ret[CONFIG_SIZE]);

/* --- control.c --- */

/* Runs the command LINE. True: RET is its answer; false: what is wrong. */
bool control_run(struct sim *sim, const char *line, struct reply *ret);

/* --- disk.c --- */

/* Makes the plain files below DIR; a reboot renews some. */
bool disk_start(struct sim *sim);
void disk_boot(struct sim *sim);
/* Makes nvidia-smi, or takes it away. */
bool disk_smi(struct sim *sim);
/* Takes them away, also those of a simulator that did not end well. */
void disk_clean(int dir_fd);
/* A process that has /dev/vfio/GROUP open appears below DIR/proc. */
pid_t disk_process(struct sim *sim, const char *vm, const char *device, int group);
void disk_process_end(struct sim *sim, pid_t pid);

/* --- serve.c --- */

/* Mounts at DIR/sys, serves until it is stopped, unmounts. MOUNTED, if not
 * NULL, is called with ARG once mounted. Returns an exit status. Takes the lock. */
int fs_serve(struct sim *sim, void (*mounted)(int), int arg);
/* Asks the server to end. */
void fs_stop(struct sim *sim);

/* --- sriov_manage.c --- */

extern const char sriov_manage_script[];
