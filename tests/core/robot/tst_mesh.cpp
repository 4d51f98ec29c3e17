// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>
#include <cstring>
#include <random>

#include "core/robot/arm_model.h"
#include "core/robot/mesh.h"
#include "core/robot/robot_model.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;

namespace {

// A tetrahedron with corners at the origin and one unit along each axis.
constexpr int kFaces[4][3] = {{0, 2, 1}, {0, 1, 3}, {0, 3, 2}, {1, 2, 3}};
constexpr float kCorners[4][3] = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}};

std::string ascii_stl() {
  std::string out = "solid t\n";
  for (const auto& face : kFaces) {
    out += "facet normal 0 0 0\nouter loop\n";
    for (const int corner : face) {
      const auto& c = kCorners[corner];
      out += "vertex " + std::to_string(c[0]) + " " + std::to_string(c[1]) + " " + std::to_string(c[2]) + "\n";
    }
    out += "endloop\nendfacet\n";
  }
  return out + "endsolid t\n";
}

std::string binary_stl(std::uint32_t claimed = 4) {
  std::string out(80, 'x');
  out.append(reinterpret_cast<const char*>(&claimed), 4);
  for (const auto& face : kFaces) {
    const float normal[3] = {0, 0, 0};
    out.append(reinterpret_cast<const char*>(normal), sizeof normal);
    for (const int corner : face) out.append(reinterpret_cast<const char*>(kCorners[corner]), 12);
    out.append(2, '\0');
  }
  return out;
}

const std::string kObj =
    "mtllib t.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nusemtl red\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n";

std::string dae(const std::string& nodes, const std::string& unit = "0.01", const std::string& library = "") {
  return "<?xml version='1.0' encoding='utf-8'?><COLLADA xmlns='http://www.collada.org/2005/11/COLLADASchema' "
         "version='1.4.1'><asset><unit name='u' meter='" +
         unit +
         "'/><up_axis>Y_UP</up_axis></asset>"
         "<library_effects><effect id='e'><profile_COMMON><technique sid='common'><lambert><diffuse><color>0.2 0.4 0.6 "
         "1</color></diffuse></lambert></technique></profile_COMMON></effect></library_effects>"
         "<library_materials><material id='m'><instance_effect url='#e'/></material></library_materials>"
         "<library_geometries><geometry id='g'><mesh><source id='p'><float_array id='pa' count='12'>0 0 0 1 0 0 0 1 0 "
         "0 "
         "0 1</float_array><technique_common><accessor source='#pa' count='4' stride='3'><param name='X' "
         "type='float'/><param name='Y' type='float'/><param name='Z' "
         "type='float'/></accessor></technique_common></source><vertices id='v'><input semantic='POSITION' "
         "source='#p'/></vertices><triangles count='4' material='s'><input semantic='VERTEX' source='#v' "
         "offset='0'/><p>0 2 1 0 1 3 0 3 2 1 2 3</p></triangles></mesh></geometry></library_geometries>" +
         library + "<library_visual_scenes><visual_scene id='vs'>" + nodes +
         "</visual_scene></library_visual_scenes><scene><instance_visual_scene url='#vs'/></scene></COLLADA>";
}

const std::string kInstance =
    "<instance_geometry url='#g'><bind_material><technique_common><instance_material symbol='s' "
    "target='#m'/></technique_common></bind_material></instance_geometry>";

struct Box {
  std::array<float, 3> low, high;
};

Box box(const Mesh& mesh) {
  Box out{{1e9F, 1e9F, 1e9F}, {-1e9F, -1e9F, -1e9F}};
  for (const auto& part : mesh.parts) {
    for (std::size_t i = 0; i < part.positions.size(); ++i) {
      out.low[i % 3] = std::min(out.low[i % 3], part.positions[i]);
      out.high[i % 3] = std::max(out.high[i % 3], part.positions[i]);
    }
  }
  return out;
}

void check_sound(const Mesh& mesh) {
  for (const auto& part : mesh.parts) {
    QCOMPARE(part.positions.size() % 3, std::size_t{0});
    QCOMPARE(part.normals.size(), part.positions.size());
    QCOMPARE(part.triangles.size() % 3, std::size_t{0});
    QVERIFY(!part.triangles.empty());
    for (const auto corner : part.triangles) QVERIFY(corner < part.positions.size() / 3);
    for (const float value : part.positions) QVERIFY(std::isfinite(value));
    for (const float value : part.normals) QVERIFY(std::isfinite(value) && std::abs(value) <= 1.001F);
  }
}

bool close(const std::array<float, 3>& a, const std::array<float, 3>& b) {
  return std::abs(a[0] - b[0]) < 1e-5F && std::abs(a[1] - b[1]) < 1e-5F && std::abs(a[2] - b[2]) < 1e-5F;
}

// Sum over the triangles of the volume below them: positive where they look outwards.
double volume(const Mesh& mesh) {
  double out = 0;
  for (const auto& part : mesh.parts) {
    for (std::size_t t = 0; t < part.triangles.size(); t += 3) {
      const auto at = [&](std::size_t k) { return &part.positions[3 * part.triangles[t + k]]; };
      const float *a = at(0), *b = at(1), *c = at(2);
      out += (double(a[0]) * (b[1] * c[2] - b[2] * c[1]) - double(a[1]) * (b[0] * c[2] - b[2] * c[0]) +
              double(a[2]) * (b[0] * c[1] - b[1] * c[0])) /
             6;
    }
  }
  return out;
}

double distance(const Vector3& a, const Vector3& b) { return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]); }

}  // namespace

class TestMesh : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void a_robot_without_any_mesh_is_a_skeleton() {
    const TemporaryFolder folder;
    const auto urdf = [&](const std::string& shape) {
      return folder.write("r.urdf",
                          "<robot name='r'><link name='a'>" + shape + "</link><link name='b'>" + shape +
                              "</link><link name='c'/><joint name='j' type='revolute'><parent link='a'/><child "
                              "link='b'/><origin xyz='0 0.3 0'/><axis xyz='0 0 1'/><limit lower='-1' upper='1' "
                              "effort='1' velocity='1'/></joint><joint name='k' type='fixed'><parent link='b'/><child "
                              "link='c'/><origin xyz='0.1 0 0.1'/></joint></robot>");
    };
    const auto model = ArmModel::load(urdf("<visual><geometry><mesh filename='gone.stl'/></geometry></visual>"));
    QVERIFY(model->is_skeleton());
    QCOMPARE(model->problems().size(), std::size_t{1});
    QCOMPARE(model->visuals(0).size(), std::size_t{1});  // the rod to b
    QCOMPARE(model->visuals(1).size(), std::size_t{2});  // a ball at the joint, and the rod to c
    for (const auto& [link, end] : {std::pair{0, Vector3{0, 0.3, 0}}, {1, Vector3{0.1, 0, 0.1}}}) {
      const auto rod = model->visuals(std::size_t(link)).back();
      QVERIFY(rod.kind == RobotVisual::Kind::cylinder);
      const auto half = rod.size[1] / 2;
      QVERIFY(distance(rod.link_from_visual * Vector3{0, 0, half}, end) < 1e-12);
      QVERIFY(distance(rod.link_from_visual * Vector3{0, 0, -half}, {}) < 1e-12);
      QVERIFY(!model->mesh(std::size_t(link), 0));
    }
    // One shape that can be drawn is enough.
    QVERIFY(!ArmModel::load(urdf("<visual><geometry><sphere radius='0.1'/></geometry></visual>"))->is_skeleton());
    QVERIFY(!ArmModel::load(DEER_SOURCE_DIR "/resources/panda/panda.urdf")->is_skeleton());
  }

  void stl() {
    const TemporaryFolder folder;
    for (const auto& text : {ascii_stl(), binary_stl()}) {
      const auto mesh = load_mesh(folder.write("t.STL", text), {0.001, 0.001, 0.002});
      check_sound(mesh);
      QCOMPARE(mesh.triangle_count(), std::size_t{4});
      QVERIFY(close(box(mesh).low, {0, 0, 0}));
      QVERIFY(close(box(mesh).high, {0.001F, 0.001F, 0.002F}));
      QVERIFY(!mesh.parts[0].has_color);
      QVERIFY(volume(mesh) > 0);
    }
    const auto mirrored = load_mesh(folder.write("m.stl", ascii_stl()), {1, -1, 1});
    QVERIFY(close(box(mirrored).low, {0, -1, 0}));
    QVERIFY(volume(mirrored) > 0);
  }

  void obj() {
    const TemporaryFolder folder;
    folder.write("t.mtl", "newmtl red\nKd 0.9 0.1 0.2\n");
    const auto mesh = load_mesh(folder.write("t.obj", kObj));
    check_sound(mesh);
    QCOMPARE(mesh.triangle_count(), std::size_t{4});
    QVERIFY(mesh.parts[0].has_color);
    QVERIFY(std::abs(mesh.parts[0].rgba[0] - 0.9) < 1e-6);
    QVERIFY(close(box(mesh).high, {1, 1, 1}));
    // Its colours may be missing.
    const TemporaryFolder bare;
    QCOMPARE(load_mesh(bare.write("t.obj", kObj)).triangle_count(), std::size_t{4});
  }

  void collada() {
    const TemporaryFolder folder;
    const auto nodes = "<node id='n'><translate>1 2 3</translate>" + kInstance + "</node>";
    const auto mesh = load_mesh(folder.write("t.dae", dae(nodes)), {2, 2, 2});
    check_sound(mesh);
    QCOMPARE(mesh.triangle_count(), std::size_t{4});
    QVERIFY(mesh.parts[0].has_color);
    QVERIFY(std::abs(mesh.parts[0].rgba[2] - 0.6) < 1e-6);
    // In centimetres, twice as large, and not turned for an up axis.
    const auto found = box(mesh);
    QVERIFY2(
        close(found.low, {0.02F, 0.04F, 0.06F}),
        qPrintable(
            QStringLiteral("%1 %2 %3").arg(double(found.low[0])).arg(double(found.low[1])).arg(double(found.low[2]))));
    QVERIFY(close(found.high, {0.04F, 0.06F, 0.08F}));
    // Parts may be used several times.
    const auto twice = load_mesh(folder.write(
        "u.dae", dae("<node id='a'><instance_node url='#x'/></node><node id='b'><instance_node url='#x'/></node>", "1",
                     "<library_nodes><node id='x'>" + kInstance + "</node></library_nodes>")));
    QCOMPARE(twice.triangle_count(), std::size_t{8});
  }

  void refuses_what_is_no_mesh() {
    const TemporaryFolder folder;
    DEER_VERIFY_ERROR(load_mesh(folder / "none.stl"), "none.stl: cannot open");
    DEER_VERIFY_ERROR(load_mesh(folder.write("t.png", "x")), "is not an STL, OBJ or DAE file");
    DEER_VERIFY_ERROR(load_mesh(folder.write("e.stl", "")), "e.stl: ");
    DEER_VERIFY_ERROR(load_mesh(folder.write("e.obj", "")), "e.obj: ");
    DEER_VERIFY_ERROR(load_mesh(folder.write("e.dae", "")), "e.dae: ");
    DEER_VERIFY_ERROR(load_mesh(folder.write("g.dae", "<COLLADA></COLLADA>")), "g.dae: ");
    DEER_VERIFY_ERROR(load_mesh(folder.write("n.stl", "solid x\nendsolid x\n")), "n.stl: ");
    DEER_VERIFY_ERROR(load_mesh(folder.write("v.obj", "v 0 0 0\nv 1 0 0\n")), "v.obj: ");
    DEER_VERIFY_ERROR(load_mesh(folder.write("i.obj", "v 0 0 0\nv 1 0 0\nf 1 2 99\n")), "i.obj: ");
    DEER_VERIFY_ERROR(load_mesh(folder.write("huge.stl", binary_stl(0xffffffff))), "huge.stl: ");
    const auto far = load_mesh(folder.write("t.stl", ascii_stl()), {900, 1, 1});
    QVERIFY(close(box(far).high, {900, 1, 1}));
    DEER_VERIFY_ERROR(load_mesh(folder / "t.stl", {2000, 1, 1}), "more than 1 km");
    DEER_VERIFY_ERROR(load_mesh(folder / "t.stl", {0, 1, 1}), "has a scale of 0");
    DEER_VERIFY_ERROR(load_mesh(folder / "t.stl", {std::nan(""), 1, 1}), "has a scale of 0 or NaN");
    DEER_VERIFY_ERROR(load_mesh(folder.write("nan.obj", "v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")), "nan.obj: ");
    // A scene inside itself, one that unfolds without end, and one that is nested.
    DEER_VERIFY_ERROR(load_mesh(folder.write("r.dae", dae("<node id='a'><instance_node url='#a'/></node>"))),
                      "contains itself");
    DEER_VERIFY_ERROR(
        load_mesh(folder.write("s.dae", dae("<node id='a'><node id='b'><instance_node url='#a'/></node></node>"))),
        "contains itself");
    std::string doubling = "<node id='n0'>" + kInstance + "</node>";
    for (int i = 1; i < 40; ++i) {
      const auto use = "<instance_node url='#n" + std::to_string(i - 1) + "'/>";
      doubling += "<node id='n" + std::to_string(i) + "'>" + use + use + "</node>";
    }
    DEER_VERIFY_ERROR(load_mesh(folder.write("d.dae", dae(doubling))), "expands to too many parts");
    std::string deep;
    for (int i = 0; i < 5000; ++i) deep += "<node><!-- </node> -->";
    DEER_VERIFY_ERROR(load_mesh(folder.write("x.dae", dae(deep))), "nested too deep");
    DEER_VERIFY_ERROR(load_mesh(folder.write("y.dae", dae("<node id='&#97;'><instance_node url='#a'/></node>"))),
                      "contains an entity");
  }

  // Bytes changed, cut off and put in: an answer or an error, never anything else.
  void survives_damage() {
    const TemporaryFolder folder;
    folder.write("t.mtl", "newmtl red\nKd 0.9 0.1 0.2\n");
    std::mt19937 random(11);
    int read = 0, refused = 0;
    const auto good_dae = dae("<node id='n'>" + kInstance + "</node>");
    for (const auto& [name, good] : {std::pair<std::string, std::string>{"a.stl", ascii_stl()},
                                     {"b.stl", binary_stl()},
                                     {"c.obj", kObj},
                                     {"d.dae", good_dae}}) {
      for (int i = 0; i < 50; ++i) {
        auto text = good;
        const int changes = 1 + int(random() % 4);
        for (int k = 0; k < changes; ++k) {
          const auto at = random() % text.size();
          switch (random() % 4) {
            case 0:
              text[at] = char(random() % 256);
              break;
            case 1:
              text.resize(std::max<std::size_t>(at, 1));
              break;
            case 2:
              text.insert(at, text.substr(random() % text.size(), random() % 40));
              break;
            default:
              text.replace(at, 1, "99999999999");
              break;
          }
        }
        try {
          check_sound(load_mesh(folder.write(name, text)));
          ++read;
        } catch (const Error&) {
          ++refused;
        }
      }
    }
    qInfo("%d read, %d refused", read, refused);
    QCOMPARE(read + refused, 200);
    QVERIFY(read > 10 && refused > 50);
  }

  void finds_files() {
    const TemporaryFolder folder;
    const auto urdf = folder.write("ros/arm_description/urdf/arm.urdf", "");
    const auto mesh = folder.write("ros/arm_description/meshes/hand.stl", ascii_stl());
    const auto other = folder.write("ros/hands/m/finger.stl", ascii_stl());
    const auto same = [](const std::filesystem::path& a, const std::filesystem::path& b) {
      return std::filesystem::equivalent(a, b);
    };
    QVERIFY(same(find_mesh("../meshes/hand.stl", urdf), mesh));
    QVERIFY(same(find_mesh(mesh.string(), urdf), mesh));
    QVERIFY(same(find_mesh("file://" + mesh.string(), urdf), mesh));
    QVERIFY(same(find_mesh("package://arm_description/meshes/hand.stl", urdf), mesh));
    QVERIFY(same(find_mesh("package://hands/m/finger.stl", urdf), other));
    QVERIFY(same(find_mesh("model://hands/m/finger.stl", urdf), other));
    const TemporaryFolder elsewhere;
    const auto far = elsewhere.write("grippers/x.stl", ascii_stl());
    DEER_VERIFY_ERROR(find_mesh("package://grippers/x.stl", urdf),
                      "arm.urdf: mesh 'package://grippers/x.stl' not found: its package is not near this file");
    qputenv("ROS_PACKAGE_PATH", QByteArray("/none:") + elsewhere.path().c_str());
    QVERIFY(same(find_mesh("package://grippers/x.stl", urdf), far));
    qunsetenv("ROS_PACKAGE_PATH");
    DEER_VERIFY_ERROR(find_mesh("no.stl", urdf), "mesh 'no.stl' not found: no file ");
    DEER_VERIFY_ERROR(find_mesh("", urdf), "has no file name");
    DEER_VERIFY_ERROR(find_mesh("package://x", urdf), "does not name a file in a package");
    DEER_VERIFY_ERROR(find_mesh("https://example.org/x.stl", urdf), "is neither a file nor in a package");
    DEER_VERIFY_ERROR(find_mesh(std::string(5000, 'a'), urdf), "is not a file name");
    DEER_VERIFY_ERROR(find_mesh("..", urdf), "not found");
  }

  // A URDF keeps the name, the scale and the colour of a mesh.
  void urdf_names_meshes() {
    const auto robot = RobotModel::parse(
        "<robot name='r'><link name='a'><visual><origin xyz='1 0 0'/><geometry><mesh filename='package://p/a.dae' "
        "scale='0.001 0.001 0.001'/></geometry></visual><visual><geometry><mesh filename='b.stl'/></geometry><material "
        "name='w'><color rgba='1 0 0 1'/></material></visual></link></robot>",
        "r.urdf");
    const auto& visuals = robot.links()[0].visuals;
    QCOMPARE(visuals.size(), std::size_t{2});
    QVERIFY(visuals[0].kind == RobotVisual::Kind::mesh);
    QCOMPARE(visuals[0].mesh, std::string("package://p/a.dae"));
    QCOMPARE(visuals[0].size[1], 0.001);
    QVERIFY(!visuals[0].has_color);
    QCOMPARE(visuals[0].link_from_visual.position[0], 1.0);
    QCOMPARE(visuals[1].size[0], 1.0);
    QVERIFY(visuals[1].has_color);
    QCOMPARE(robot.source().string(), std::string("r.urdf"));
  }
};

DEER_SUITE(TestMesh)
#include "tst_mesh.moc"
